// Writes docs/models.md: which families are known, and what of each was seen to work in a run of the tests.
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { root } from "./fingerprint.mjs";
import { run, turbo } from "./process.mjs";

const at = (path) => fileURLToPath(new URL(path, root));
const fixtures = at("packages/model/test/__fixtures__/families");

/** A column: the file of tests that answers it, what their names say, and whether they are long runs. */
const columns = [
  { name: "logits", file: "packages/model/test/families.test.ts", test: /transformers' logits/ },
  { name: "fp16, q8, q4", file: "packages/model/test/families.test.ts", test: /near these in/ },
  { name: "training", file: "packages/train/test/families.test.ts", test: /torch's/ },
  { name: "mask, strategies", file: "apps/cli/test/families.test.ts", test: /several tokens per pass/ },
  { name: "WASM", file: "packages/runtime-web/test/browser/families.test.ts", test: /^wasm/ },
  { name: "WebGPU", file: "packages/runtime-web/test/browser/families.soak.test.ts", test: /^webgpu/, isSoak: true },
];

/** Outcomes of tests by file: [{ title, passed }]. */
async function outcomes(files, isSoak) {
  const folder = mkdtempSync(join(tmpdir(), "dynamo-models-"));
  const report = join(folder, "results.json");
  Object.assign(process.env, { DYNAMO_TEST_RESULTS: report, DYNAMO_SOAK: isSoak ? "1" : "" });
  await run([process.execPath, at("node_modules/vitest/vitest.mjs"), "run", ...files.map(at)]);
  const { testResults } = JSON.parse(readFileSync(report, "utf8"));
  rmSync(folder, { recursive: true });
  return testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ title, fullName, status }) => ({
      file: files.find((file) => name.endsWith(file)),
      title,
      fullName,
      passed: status === "passed",
    })),
  );
}

/** A fixture's name as a whole word of a test's full name. */
const isOf = (fixture, fullName) => new RegExp(`(^|[\\s'])${fixture}([\\s':]|$)`).test(fullName);

function cell(results, { file, test }, names) {
  const own = results.filter((each) => each.file === file && test.test(each.title));
  const of = names.map((name) => own.filter(({ fullName }) => isOf(name, fullName)));
  if (of.some((each) => each.length === 0)) return "not run";
  return of.flat().every(({ passed }) => passed) ? "yes" : "**no**";
}

/** @returns {Promise<number>} exit code */
export async function writeModelsTable() {
  const built = await turbo(["build", "--output-logs=errors-only"], { output: "on-failure" });
  if (built !== 0) return built;
  const { supportedFamilies } = await import(new URL("packages/model/dist/index.js", root));
  const files = (isSoak) => [
    ...new Set(columns.filter((each) => (each.isSoak ?? false) === isSoak).map(({ file }) => file)),
  ];
  const results = [...(await outcomes(files(false), false)), ...(await outcomes(files(true), true))];
  const typeOf = (name) => JSON.parse(readFileSync(join(fixtures, name, "config.json"), "utf8")).model_type;
  const names = readdirSync(fixtures);
  const rows = supportedFamilies.map(({ name, modelType, examples }) => {
    const own = names.filter((fixture) => typeOf(fixture) === modelType);
    const cells = columns.map((column) => cell(results, column, own));
    return [name, `\`${modelType}\``, ...cells, examples.map((id) => `\`${id}\``).join(", ")];
  });
  const heading = ["family", "`model_type`", ...columns.map(({ name }) => name), "models of it"];
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const table = [line(heading), line(heading.map(() => "---")), ...rows.map(line)].join("\n");
  writeFileSync(at("docs/models.md"), `${introduction}\n${table}\n${explanation}`);
  const file = at("docs/models.md");
  await run([process.execPath, at("node_modules/prettier/bin/prettier.cjs"), "--write", "--log-level", "warn", file]);
  return rows.flat().some((each) => each === "**no**" || each === "not run") ? 1 : 0;
}

const introduction = `# Models

\`pnpm models:table\` wrote this page from a run of the tests: do not edit it. Each family was run as tiny random checkpoints that
transformers made (\`packages/model/test/__fixtures__/families.py\`). The models named in the last column are examples; none of them was
downloaded for this table.
`;

const explanation = `
- **logits**: the base's and a token head's, within 1e-3 of transformers' in float32, whole, token by token, and in ragged batches; the
  greedy text is transformers'.
- **fp16, q8, q4**: logits near these.
- **training**: the loss of two heads and the gradients of all tensors are torch's.
- **mask, strategies**: \`verified\` writes the base's greedy text; \`dynamo\` emits two tokens per pass, with a counted mask.
- **WASM**, **WebGPU**: logits within 1e-3 in Chromium, WebGPU on a GPU that is software (SwiftShader); 4 bits near.

Not supported yet, and refused by name: models whose layers keep a recurrent state (Qwen 3.5's gated delta rule), mixtures of
experts, vision, encoders, weights that are quantised already.

Rotary positions may be scaled by \`linear\`, \`dynamic\` (up to \`max_position_embeddings\`, where it begins), \`yarn\`, \`llama3\` and \`longrope\`: a cache
for more positions than a model with \`longrope\` (Phi 3 with 128k) was first trained with uses its long factors. Gemma 2's capped scores
and logits are computed, and Gemma 3's capped logits; its \`attn_logit_softcapping\` is read and does nothing, as in transformers.
`;
