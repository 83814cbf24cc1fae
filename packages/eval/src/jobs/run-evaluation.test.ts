import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lockRun } from "@dynamo/train/node";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { EvalWorker, Evaluation } from "../evaluation.js";
import type { Compute } from "./compute.js";
import { runEvaluation } from "./run-evaluation.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dynamo-jobs-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const worker = (signal = new AbortController().signal): EvalWorker => ({
  model: () => Promise.reject(new Error("no model")),
  scratch: "",
  signal,
});

interface Value {
  readonly x: number;
  readonly text: string;
  readonly nothing?: number | undefined;
}

/** Sums of floats and a chain of texts: both depend on the results' order. `ran` lists the jobs that ran. */
function chain(n: number, ran: number[] = [], stop?: (job: number) => void): Evaluation<number, Value, string> {
  return {
    kind: "chain",
    settings: { n, model: { folder: "a", heads: 4 } },
    jobs: () => Array.from({ length: n }, (_, i) => i),
    run(job) {
      stop?.(job);
      ran.push(job);
      return Promise.resolve({
        x: job === 2 ? -0 : Math.sin(job) * 10 ** (job % 17),
        text: `é\n${job}`,
        nothing: undefined,
      });
    },
    async summarize(results) {
      let [sum, text] = [0, ""];
      for await (const { x, text: each, ...rest } of results) {
        sum += x / 3;
        text += `${each}${Object.is(x, -0)}${Object.keys(rest).length};`;
      }
      return `${sum} ${text}`;
    },
  };
}
const results = (): string => join(folder, "results.jsonl");

describe("runEvaluation", () => {
  it("summarizes to the same bytes whatever was killed, torn and stored in another order", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 30 }),
        fc.array(fc.record({ job: fc.nat(30), torn: fc.nat(60), seed: fc.nat() }), { maxLength: 4 }),
        async (n, kills) => {
          rmSync(folder, { recursive: true, force: true });
          const expected = JSON.stringify(await runEvaluation(chain(n), worker()));
          for (const { job, torn, seed } of kills) {
            const stop = (each: number): void => {
              if (each === job) throw new Error("killed");
            };
            await runEvaluation(chain(n, [], stop), worker(), { folder }).catch(() => undefined);
            shuffleAndTear(seed, torn);
          }
          expect(JSON.stringify(await runEvaluation(chain(n), worker(), { folder }))).toBe(expected);
          expect(readFileSync(join(folder, "result.json"), "utf8")).toBe(expected);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("repeats only what has no result", async () => {
    const abort = new AbortController();
    const stop = (job: number): void => {
      if (job === 4) abort.abort();
    };
    const first: number[] = [];
    const attempt = runEvaluation(chain(9, first, stop), worker(abort.signal), { folder });
    await expect(attempt).rejects.toMatchObject({ code: "aborted" });
    const second: number[] = [];
    const progress: number[] = [];
    await runEvaluation(chain(9, second), worker(), { folder, onProgress: (done) => progress.push(done) });
    expect([first, second, progress]).toEqual([
      [0, 1, 2, 3, 4],
      [5, 6, 7, 8],
      [5, 6, 7, 8, 9],
    ]);
    const third: number[] = [];
    await runEvaluation(chain(9, third), worker(), { folder });
    expect(third).toEqual([]);
  });

  it("merges to the same bytes when jobs run elsewhere, at once, in any order", async () => {
    const expected = JSON.stringify(await runEvaluation(chain(12), worker()));
    const compute: Compute<number> = async (pending, put) => {
      const evaluation = chain(12);
      const backwards = [...pending].reverse();
      await Promise.all(
        backwards.map(async ({ index, job }) => put(index, JSON.stringify(await evaluation.run(job, worker())))),
      );
    };
    expect(JSON.stringify(await runEvaluation(chain(12), worker(), { folder, compute }))).toBe(expected);
    expect(JSON.stringify(await runEvaluation(chain(12), worker(), { folder }))).toBe(expected);
  });

  it("refuses a number that JSON does not have, and names the job", async () => {
    const evaluation = { ...chain(3), run: (job: number) => Promise.resolve({ x: job / 0, text: "" }) };
    await expect(runEvaluation(evaluation, worker())).rejects.toMatchObject({
      code: "runtime",
      message: "job 0 has a result that is no number: expected finite ones, x is NaN",
    });
  });

  it("refuses a folder in which another process runs, and leaves no lock", async () => {
    const lock = await lockRun(folder);
    await expect(runEvaluation(chain(3), worker(), { folder })).rejects.toMatchObject({
      code: "invalid-argument",
      message: expect.stringContaining(`process ${process.pid} on`),
    });
    await lock.release();
    await runEvaluation(chain(3), worker(), { folder });
    expect(existsSync(join(folder, "run.lock"))).toBe(false);
  });

  it("names what was in the models' folders, and refuses results of another model in the same place", async () => {
    const model = join(folder, "model");
    mkdirSync(model);
    writeFileSync(join(model, "config.json"), "{}");
    const own = { ...chain(3), models: [model] };
    const run = join(folder, "run");
    const { settings } = await runEvaluation(own, worker(), { folder: run });
    expect(settings).toMatchObject({ n: 3, modelHashes: { [model]: expect.stringMatching(/^[0-9a-f]{64}$/) } });
    writeFileSync(join(model, "config.json"), "[]");
    await expect(runEvaluation(own, worker(), { folder: run })).rejects.toMatchObject({
      message: expect.stringContaining("settings.modelHashes."),
    });
  });

  it("refuses a folder of another run and says what differs", async () => {
    await runEvaluation(chain(3), worker(), { folder });
    const other = { ...chain(3), settings: { n: 3, model: { folder: "a", heads: 2 } } };
    await expect(runEvaluation(other, worker(), { folder })).rejects.toMatchObject({
      code: "invalid-argument",
      message: expect.stringMatching(/settings\.model\.heads \(there 4, received 2\)\. Choose/),
    });
  });

  it.each([
    ["a damaged line before the last", '{"job":0,"res\n{"job":1,"result":{}}\n'],
    ["a job that there is not", '{"job":7,"result":{}}\n'],
    ["a job twice", '{"job":1,"result":{}}\n{"job":1,"result":{}}\n'],
  ])("refuses results with %s", async (_, text) => {
    writeFileSync(results(), text);
    await expect(runEvaluation(chain(3), worker(), { folder })).rejects.toMatchObject({ code: "invalid-file" });
    expect(readFileSync(results(), "utf8")).toBe(text);
  });

  it("refuses a folder that is a file", async () => {
    writeFileSync(join(folder, "file"), "");
    const attempt = runEvaluation(chain(3), worker(), { folder: join(folder, "file") });
    await expect(attempt).rejects.toMatchObject({ code: "invalid-argument" });
  });
});

/** As if other processes had ended in another order, and the last one was killed while it wrote. */
function shuffleAndTear(seed: number, torn: number): void {
  const lines = readFileSync(results(), "utf8").split(/(?<=\n)/);
  const shuffled = lines.map((line, i) => ({ line, key: Math.sin(seed + i * 7) })).sort((a, b) => a.key - b.key);
  const last = shuffled.at(-1)?.line ?? "";
  const text = shuffled.map(({ line }) => line).join("");
  writeFileSync(results(), text);
  truncateSync(results(), Buffer.byteLength(text) - Math.min(torn, Buffer.byteLength(last)));
}
