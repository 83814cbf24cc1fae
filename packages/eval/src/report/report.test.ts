/** The page of real results: every evaluation runs on the embedded model, small, and its file is read back. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { modelPath } from "@dynamo/stories";
import { modelPath as basePath } from "@dynamo/stories-base";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testWorker, type TestWorker } from "../../test/worker.js";
import { ablation } from "../compare/ablation.js";
import { architectures } from "../compare/architectures.js";
import { compare } from "../compare/compare.js";
import type { Evaluation } from "../evaluation.js";
import { runEvaluation } from "../jobs/run-evaluation.js";
import { completions } from "../open-ended/completions.js";
import { measures } from "../open-ended/measures.js";
import { perplexity } from "../perplexity/perplexity.js";
import { tasks } from "../tasks/tasks.js";
import { tune } from "../tune/tune.js";
import { reportPage } from "./report.js";
import { readResultFile, type ResultFile } from "./result-file.js";
import { estimateText } from "./words.js";
import { describeRun, versionOf } from "./run-record.js";

let worker: TestWorker;
let folder: string;
const files: ResultFile[] = [];
beforeAll(async () => {
  worker = await testWorker();
  folder = await mkdtemp(join(tmpdir(), "dynamo-report-"));
  const text = join(folder, "text.txt");
  const stories = ["cat", "dog", "bird", "frog"].map((pet) =>
    Array.from({ length: 12 }, (_, day) => `On day ${day} the ${pet} ran to the big park and played.`).join(" "),
  );
  await writeFile(text, stories.join("<|endoftext|>"));
  const questions = join(folder, "questions.jsonl");
  await writeFile(
    questions,
    '{"prompt":"Once upon a time","type":"simple"}\n{"prompt":"Will you","type":"question"}\n',
  );
  const writing = { questions, seeds: [0, 1], maxNewTokens: 8, model: modelPath };
  const settings = [0, 0.5, 1].map((backoff) => ({ strategy: "dynamo" as const, backoff }));
  files.push(await fileOf(await perplexity({ model: modelPath, source: { text }, backoffs: [0, 1], mask: true })));
  const rows = [0, 1].map((gold) => JSON.stringify({ query: "It rained, so", choices: ["I ran.", "I sat."], gold }));
  await writeFile(join(folder, "copa.jsonl"), `${rows.join("\n")}\n`);
  files.push(
    await fileOf(await tasks({ model: modelPath, tasks: [{ task: "copa", data: join(folder, "copa.jsonl") }] })),
  );
  const texts = await fileOf(await completions({ ...writing, settings }));
  files.push(texts, await fileOf(await measures({ texts: texts.name, scorer: basePath, real: text })));
  const tuned = await tune({ model: modelPath, text, documents: 4, seeds: 1, maxNewTokens: 4 }, worker);
  files.push(await written("tune", { settings: {}, summary: tuned }));
  files.push(await fileOf(await compare({ ...writing, seeds: [0], draft: basePath })));
  files.push(await fileOf(await ablation({ ...writing, seeds: [0], backoffs: [0.5], maskStrengths: [1, 0] })));
  const { model, ...shared } = writing;
  files.push(await fileOf(await architectures({ ...shared, seeds: [0], models: [model, basePath] })));
});
afterAll(async () => {
  await worker.close();
  await rm(folder, { recursive: true, force: true });
});

const fileOf = async <Job, Result, Summary>(evaluation: Evaluation<Job, Result, Summary>): Promise<ResultFile> =>
  written(evaluation.kind, await runEvaluation(evaluation, worker));

async function written(kind: string, outcome: object): Promise<ResultFile> {
  const path = join(folder, `${kind}.json`);
  const run = describeRun(["dynamo", "eval", kind, "--title", "it's"], {
    seconds: 2,
    versions: { a: "1.2" },
  });
  await writeFile(path, JSON.stringify({ kind, ...outcome, run }));
  return readResultFile(path);
}

describe("the page", () => {
  test("has a section for every result in one order, whatever the files' order, and the commands", () => {
    const page = reportPage(files, { title: "Stories & more" });
    expect([...page.matchAll(/<h2>([^<]*)/g)].map(([, title]) => title)).toEqual([
      "Perplexity",
      "Tasks",
      "Speed-up against the back-off",
      "Quality against speed-up, without a judge",
      "Tuning",
      "Strategies side by side",
      "Ablation",
      "Architectures",
      "Measured on, and how to do it again",
    ]);
    expect(reportPage([...files].reverse(), { title: "Stories & more" })).toBe(page);
    expect(page).toContain("<title>Stories &#38; more</title>");
    expect(page).toContain("dynamo eval perplexity --title &#39;it&#39;\\&#39;&#39;s&#39;");
    expect(page).toContain(`node ${process.versions.node}, a 1.2`);
  });

  test("shows the numbers of the results", () => {
    const page = reportPage(files);
    for (const file of files) {
      if (file.kind === "perplexity")
        for (const value of Object.values(file.summary.ppl)) expect(page).toContain(`>${value.toFixed(2)}</td>`);
      if (file.kind !== "compare") continue;
      for (const { tokensPerPass, orders } of file.summary.groups.flatMap(({ rows }) => rows)) {
        expect(page).toContain(`>${tokensPerPass.toFixed(2)}</td>`);
        expect(page).toContain(`>${orders.join(" / ")}</td>`);
      }
    }
  });

  test("puts measured speed-ups beside the PPL_d of the same model and ε_b", () => {
    const page = reportPage(files);
    const written = files.find((file) => file.kind === "completions");
    const speedup = written?.summary.settings.find(({ setting }) => setting.backoff === 1)?.speedup;
    const table = page.slice(
      page.indexOf("PPL_d and the speed-up"),
      page.indexOf("</table>", page.indexOf("PPL_d and the speed-up")),
    );
    expect(table).toContain(estimateText(speedup));
    expect(reportPage(files.filter((file) => file.kind === "perplexity"))).not.toContain("measured speed-up of");
  });

  test("draws vectors, and asks for nothing from any network", () => {
    const page = reportPage(files);
    expect(page.match(/<svg /g)?.length).toBeGreaterThan(6);
    expect(page).toContain("default-src 'none'");
    expect(page.replaceAll(/xmlns(:xlink)?="[^"]*"/g, "")).not.toMatch(/https?:|<script|<link|<img|url\(["']?\w/);
    expect(page).not.toContain("NaN");
  });

  test("of no results says nothing but where nothing was measured", () => {
    expect(reportPage([])).toContain("<h1>Evaluation</h1>");
  });
});

describe("a file of results", () => {
  const damaged = async (content: string): Promise<string> => {
    const path = join(folder, "damaged.json");
    await writeFile(path, content);
    return path;
  };

  test.each([
    ["{", "expected JSON"],
    ['{"kind":"other"}', "kind: "],
    [
      '{"kind":"compare","settings":{},"summary":{"groups":[{"model":"m","draft":null,"rows":[{"way":7}]}]}}',
      "groups.0.rows.0",
    ],
    ['{"kind":"perplexity","settings":{},"summary":{"ppl":{"1":"<b>"}}}', "ppl.1"],
  ])("of %s is refused with the place", async (content, expected) => {
    await expect(readResultFile(await damaged(content))).rejects.toMatchObject({
      code: "invalid-file",
      message: expect.stringContaining(expected),
    });
  });

  test("that is not there is named", async () => {
    await expect(readResultFile(join(folder, "none.json"))).rejects.toMatchObject({ code: "not-found" });
  });
});

test("versions of packages that are not there are refused", () => {
  expect(versionOf("vitest", import.meta.url)).toMatch(/^\d+\./);
  expect(() => versionOf("no-such-package", import.meta.url)).toThrow("cannot read the version of no-such-package");
});
