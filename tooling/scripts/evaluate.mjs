// The embedded model's full evaluation, verb by verb, and its report: `pnpm evaluate --text tinystories_valid.txt`.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { root } from "./fingerprint.mjs";
import { run, SetupError } from "./process.mjs";

const usage = `pnpm evaluate --text FILE [--prompts FILE] [--out FOLDER] [--seeds N]

  --text      held-out documents between <|endoftext|>, such as tinystories_valid.txt
  --prompts   JSON lines of {"prompt"} (default: packages/stories/prompts.jsonl, 120 beginnings of held-out stories)
  --out       where results and report.html go (default: docs/evaluation)
  --seeds     texts of a prompt (default: 1); more are slower, and their intervals narrower`;

const [model, base, draft, four] = ["stories", "stories-base", "stories-draft", "stories-t4"].map(
  (name) => `packages/${name}/model`,
);

/** @param {string[]} args */
export async function evaluate(args) {
  const { values } = parseArgs({
    args,
    options: {
      text: { type: "string" },
      out: { type: "string", default: "docs/evaluation" },
      prompts: { type: "string", default: "packages/stories/prompts.jsonl" },
      seeds: { type: "string", default: "1" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help || values.text === undefined) throw new SetupError(usage, values.help ? 0 : 1);
  const folder = fileURLToPath(root);
  process.chdir(folder);
  if (!existsSync(values.text)) throw new SetupError(`${values.text} is not there: expected a file of documents`);
  if (!existsSync(values.prompts)) throw new SetupError(`${values.prompts} is not there: expected a file of prompts`);
  mkdirSync(values.out, { recursive: true });
  const file = (/** @type {string} */ name) => join(values.out, name);
  const verbs = verbsOf({ text: values.text, prompts: values.prompts, seeds: values.seeds, file });
  const results = verbs.map(([verb]) => file(`${verb}.json`));
  for (const [verb, ...rest] of verbs) {
    const command = verb === "tune" ? [verb] : ["eval", verb];
    await dynamo([...command, ...rest, "--out", file(`${verb}.json`)]);
  }
  await dynamo([
    "eval",
    "report",
    ...results,
    "--out",
    file("report.html"),
    "--title",
    "The embedded model, evaluated",
  ]);
}

/** @param {{ text: string, prompts: string, seeds: string, file: (name: string) => string }} options */
function verbsOf({ text, prompts, seeds, file }) {
  // Prompts are the independent observations of every interval: many of them say more than many texts of a few.
  const texts = ["--questions", prompts, "--seeds", seeds];
  const sweep = ["--backoff", "0.5,0.6,0.65,0.7,0.75,0.8,0.9", "--temperatures", "0.6,0.7", ...texts];
  return [
    ["perplexity", model, "--text", text, "--backoff", "0:1:0.1", "--mask"],
    ["completions", model, ...sweep, "--base-temperatures", "0.4,0.5,0.7,0.85,1"],
    ["measures", file("completions.json"), "--scorer", base, "--real", text],
    ["tune", model, "--prompts", prompts, "--tolerance", "0.1", "--dry-run"],
    ["compare", model, "--draft", draft, "--drafts", "2,4", "--backoff", "0.6,0.7,0.75", "--scorer", base, ...texts],
    ["ablation", model, "--scorer", base, ...texts],
    ["architectures", model, four, "--text", beginningOf(text), ...texts],
  ];
}

/** Of the text that every head of several models is asked about: all of it would take half an hour by itself. */
const comparedBytes = 100_000;

/**
 * Whole documents from the beginning, in a file of its own.
 * @param {string} text
 */
function beginningOf(text) {
  const bytes = readFileSync(text);
  const end = bytes.lastIndexOf("<|endoftext|>", comparedBytes);
  mkdirSync("node_modules/.cache", { recursive: true });
  const path = join("node_modules/.cache", `beginning-of-${basename(text)}`);
  writeFileSync(path, end > 0 ? bytes.subarray(0, end) : bytes);
  return path;
}

/** @param {string[]} args */
async function dynamo(args) {
  process.stderr.write(`\n$ dynamo ${args.join(" ")}\n`);
  const code = await run([process.execPath, "apps/cli/bin/dynamo.js", ...args]);
  if (code !== 0) throw new SetupError(`dynamo ${args.slice(0, 2).join(" ")} ended with ${code}`, code);
}
