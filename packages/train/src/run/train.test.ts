/** Runs from their configuration to their checkpoints, in this process: what goes on, what is refused, what is kept. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DynamoError, type Runtime, type Session } from "@dynamo/core";
import { beforeAll, describe, expect, test } from "vitest";
import { runPlaces } from "../__fixtures__/run-places.js";
import { byteDataset, story, tinyRun } from "../__fixtures__/tiny.js";
import type { DatasetManifest } from "../data/index.js";
import { listCheckpoints, readCheckpoint } from "./files/checkpoint.js";
import { readMetrics } from "./progress/metrics.js";
import { train, type TrainOptions } from "./train.js";
import type { TrainingConfig, TrainingConfigInput } from "./start/training-config.js";

const here = runPlaces();
const { runtime, folder, place } = here;

const config = (changes: Partial<TrainingConfigInput> = {}): TrainingConfig => tinyRun(here.dataset, changes);

async function failure(promise: Promise<unknown>): Promise<DynamoError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (DynamoError.is(error)) return error;
  throw new Error(`expected a DynamoError, received ${String(error)}`, { cause: error });
}

/** Weights and moments of a run's last checkpoint. */
async function outcome(run: string): Promise<unknown> {
  const { weights, moments1, moments2, progress } = await readCheckpoint((await listCheckpoints(run)).at(-1) as string);
  return { weights, moments1, moments2, step: progress.step, position: progress.position };
}

/** Trains until step `last`, as if Ctrl-C had been pressed. */
async function trainUntil(run: string, last: number, chosen: TrainingConfig, options: TrainOptions = {}) {
  const controller = new AbortController();
  return train(runtime, run, chosen, {
    ...options,
    signal: controller.signal,
    onMetrics: ({ kind, step }) => {
      if (kind === "step" && step === last) controller.abort();
    },
  });
}

describe("a run", () => {
  let whole: string;
  beforeAll(async () => {
    whole = place();
    await train(runtime, whole, config());
  });

  test("writes metrics, evaluations and checkpoints, and keeps the last ones", async () => {
    const metrics = await readMetrics(whole);
    const steps = (kind: string): number[] => metrics.filter((entry) => entry.kind === kind).map(({ step }) => step);
    expect(steps("step")).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(steps("evaluation")).toEqual([4, 8]);
    expect(steps("checkpoint")).toEqual([2, 4, 6, 8]);
    expect(readdirSync(join(whole, "checkpoints")).sort()).toEqual(["step-00000006", "step-00000008"]);
    expect(readdirSync(whole).sort()).toEqual(["checkpoints", "metrics.jsonl", "run.json"]);
  });

  test("that was stopped goes on to the same weights, moments and metrics, bit for bit", async () => {
    const run = place();
    const { finished, steps } = await trainUntil(run, 3, config());
    expect([finished, steps]).toEqual([false, 3]);
    await train(runtime, run, config(), { resume: true });
    expect(await outcome(run)).toEqual(await outcome(whole));
    const losses = async (of: string) => (await readMetrics(of)).flatMap((e) => (e.kind === "step" ? [e.losses] : []));
    expect(await losses(run)).toEqual(await losses(whole));
  });

  test("that was killed before its first checkpoint, or after the last one, loses only the steps since", async () => {
    const run = place();
    await trainUntil(run, 3, config());
    // What a killed process leaves: steps past the checkpoint, half a line, half a checkpoint, one half deleted.
    writeFileSync(
      join(run, "metrics.jsonl"),
      `${readFileSync(join(run, "metrics.jsonl"), "utf8")}{"kind":"step","step":4,"losses":[1,1]}\n{"kind":"st`,
    );
    for (const name of [".step-00000004.partial-0", ".step-00000001.removed"]) {
      mkdirSync(join(run, "checkpoints", name));
      writeFileSync(join(run, "checkpoints", name, "model.safetensors"), "half");
    }
    await train(runtime, run, config(), { resume: true });
    expect(await outcome(run)).toEqual(await outcome(whole));
    expect(readdirSync(join(run, "checkpoints")).filter((name) => name.startsWith("."))).toEqual([]);
    const seen = (await readMetrics(run)).flatMap(({ kind, step }) => (kind === "step" ? [step] : []));
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);

    const early = place();
    await trainUntil(early, 1, config());
    rmSync(join(early, "checkpoints"), { recursive: true });
    await train(runtime, early, config(), { resume: true });
    expect(await outcome(early)).toEqual(await outcome(whole));
    expect((await readMetrics(early)).filter(({ kind }) => kind === "step")).toHaveLength(8);
  });

  test("that is finished has nothing to do, and says so", async () => {
    const before = await outcome(whole);
    expect(await train(runtime, whole, config(), { resume: true })).toMatchObject({ finished: true, steps: 8 });
    expect(await outcome(whole)).toEqual(before);
  });

  test("may report at other times when it goes on, but is otherwise the run that it was", async () => {
    const run = place();
    await trainUntil(run, 2, config());
    const changed = config({ learningRate: 1e-3, batch: 4, evaluateEvery: 3 });
    const error = await failure(train(runtime, run, changed, { resume: true }));
    expect(error.code).toBe("invalid-argument");
    expect(error.message).toContain("batch was 2, is 4; learningRate was 0.003, is 0.001");
    expect(error.message).not.toContain("evaluateEvery");
    await train(runtime, run, config({ evaluateEvery: 3, checkpointEvery: 5 }), { resume: true });
    expect(await outcome(run)).toEqual(await outcome(whole));
  });

  test("is not begun over, not resumed where there is none, and not begun among others' checkpoints", async () => {
    expect((await failure(train(runtime, whole, config()))).message).toContain("holds a run already");
    const nowhere = await failure(train(runtime, place(), config(), { resume: true }));
    expect([nowhere.code, nowhere.message]).toEqual(["not-found", expect.stringContaining("no run to resume")]);
    const orphans = place();
    await trainUntil(orphans, 1, config());
    rmSync(join(orphans, "run.json"));
    expect((await failure(train(runtime, orphans, config()))).message).toContain("checkpoints of another run");
  });

  test("does not go on with other data", async () => {
    const run = place();
    await trainUntil(run, 2, config());
    const other = await byteDataset(folder, { text: story(60, 2), name: "other" });
    const error = await failure(train(runtime, run, config({ dataset: other }), { resume: true }));
    expect([error.code, error.message]).toEqual(["invalid-argument", expect.stringContaining("other data")]);
    const moved = await byteDataset(folder, { name: "moved" });
    writeFileSync(
      join(moved, "dataset.json"),
      readFileSync(join(moved, "dataset.json"), "utf8").replaceAll("moved", "data"),
    );
    await train(runtime, run, config({ dataset: moved }), { resume: true });
    expect(await outcome(run)).toEqual(await outcome(whole));
  });

  test("neither begins nor goes on with a shard that was overwritten, and names it", async () => {
    const run = place();
    const damaged = await byteDataset(folder, { name: "damaged" });
    await trainUntil(run, 2, config({ dataset: damaged }));
    const before = await outcome(run);
    const { file } = (JSON.parse(readFileSync(join(damaged, "dataset.json"), "utf8")) as DatasetManifest).sources[0]
      ?.train.shards[0] ?? { file: "" };
    writeFileSync(join(damaged, file), new Uint8Array(readFileSync(join(damaged, file)).length));
    const data: number[] = [];
    for (const options of [{ resume: true, onData: (done: number) => data.push(done) }, {}]) {
      const chosen = options.resume === true ? run : place();
      const error = await failure(train(runtime, chosen, config({ dataset: damaged }), options));
      expect([error.code, error.message]).toEqual(["invalid-file", expect.stringContaining(join(damaged, file))]);
      expect(existsSync(chosen)).toBe(options.resume === true);
    }
    expect(data.length).toBeGreaterThan(0);
    expect(await outcome(run)).toEqual(before);
  });
});

describe("what cannot be", () => {
  test("a corpus smaller than a batch is refused before anything is written", async () => {
    const small = await byteDataset(folder, { text: "Too short.", heldOutFraction: 0, name: "small" });
    const run = place();
    const error = await failure(train(runtime, run, config({ dataset: small })));
    expect([error.code, error.message]).toEqual([
      "invalid-argument",
      expect.stringMatching(/train data is smaller than a batch: expected at least 36 tokens .* found 11 tokens/),
    ]);
    expect(existsSync(run)).toBe(false);
  });

  test("held-out text smaller than a batch is a run without evaluations, and a note", async () => {
    const bare = await byteDataset(folder, { heldOutFraction: 0, name: "bare" });
    const notes: string[] = [];
    const run = place();
    await train(runtime, run, config({ dataset: bare }), { onNote: (line) => notes.push(line) });
    expect(notes).toEqual([expect.stringMatching(/^no evaluation: the held-out data is smaller than a batch/)]);
    expect((await readMetrics(run)).some(({ kind }) => kind === "evaluation")).toBe(false);
  });

  test("a tokenizer that is not the checkpoint's is refused: too large, or with other tokens", async () => {
    const run = place();
    const { checkpoint } = await train(runtime, run, config({ steps: 1 }));
    const from = { architecture: undefined, checkpoint };
    expect(await failure(train(runtime, run, config(from)))).toMatchObject({ code: "invalid-argument" });
    await train(runtime, place(), config({ ...from, steps: 1 }));
    const tokenizer = JSON.parse(readFileSync(join(checkpoint, "tokenizer.json"), "utf8")) as {
      model: { vocab: Record<string, number> };
    };
    const { A: a, B: b } = tokenizer.model.vocab;
    Object.assign(tokenizer.model.vocab, { A: b, B: a });
    writeFileSync(join(checkpoint, "tokenizer.json"), JSON.stringify(tokenizer));
    const other = await failure(train(runtime, place(), config({ ...from, steps: 1 })));
    expect([other.code, other.message]).toEqual([
      "invalid-argument",
      expect.stringContaining('does not fit the model: expected "B" as token 65, received "A"'),
    ]);
  });

  test("more memory than there is is refused before anything is written, and the error says what to lower", async () => {
    const run = place();
    const error = await failure(train(runtime, run, config(), { memory: 100e6 }));
    expect(error.code).toBe("out-of-memory");
    expect(error.message).toMatch(/needs about \d+\.\d MB \(.* for weights.*\), there are \d+\.\d MB: lower batch/);
    expect(existsSync(run)).toBe(false);
  });

  test("an allocation that fails in a step is an error with the step and what to lower", async () => {
    const run = place();
    let passes = 0;
    const failing: Runtime = {
      ...runtime,
      async createSession(graph, options): Promise<Session> {
        const session = await runtime.createSession(graph, options);
        const pass: Session["run"] = (...args) => {
          if (++passes > 8) throw new DynamoError("out-of-memory", "out of memory: an allocation failed");
          return session.run(...args);
        };
        return { ...session, run: pass };
      },
    };
    const error = await failure(train(failing, run, config()));
    expect([error.code, error.message]).toEqual([
      "out-of-memory",
      expect.stringMatching(
        /^at step 4, the batch after 6 rows of text: out of memory.*lower batch.*step 2 is as it was$/,
      ),
    ]);
  });
});

describe("a run that diverges", () => {
  test("stops, says where, and keeps the last good checkpoint: no spoilt one is ever written", async () => {
    const run = place();
    await trainUntil(run, 3, config({ learningRate: 1e-3, clipNorm: 1e30 }));
    const good = await outcome(run);
    // The weights become too large for float32 in the step; its losses and gradients were still fine.
    const wild = { ...config({ learningRate: 1e-3, clipNorm: 1e30 }), learningRate: 1e38 };
    writeFileSync(join(run, "run.json"), JSON.stringify(wild));
    const error = await failure(train(runtime, run, { ...wild, checkpointEvery: 1 }, { resume: true }));
    expect([error.code, error.message]).toEqual([
      "runtime",
      expect.stringMatching(
        /^at step 4, the batch after 6 rows of text: training diverged.*the checkpoint of step 3 is as it was$/,
      ),
    ]);
    expect(await outcome(run)).toEqual(good);
    expect(readdirSync(join(run, "checkpoints")).every((name) => /^step-\d+$/.test(name))).toBe(true);
  });

  test("with losses that stay finite stops too, and keeps what was good", async () => {
    const run = place();
    const calm = config({ steps: 90, checkpointEvery: 4, keepCheckpoints: 2, schedule: "constant" });
    await trainUntil(run, 22, calm);
    const good = await outcome(run);
    const wild = { ...calm, learningRate: 20 };
    writeFileSync(join(run, "run.json"), JSON.stringify(wild));
    const { code, message } = await failure(train(runtime, run, wild, { resume: true }));
    expect([code, message]).toEqual([
      "runtime",
      expect.stringMatching(
        /^at step 3\d, the batch after .*training diverged: .*; the checkpoint of step 22 is as it was$/,
      ),
    ]);
    expect(await outcome(run)).toEqual(good);
    const on = await trainUntil(run, 60, { ...wild, divergenceFactor: 0 }, { resume: true });
    expect(on.steps).toBe(60);
  });

  test("before its first checkpoint says that there is none", async () => {
    const run = place();
    const error = await failure(train(runtime, run, config({ learningRate: 1e38 })));
    expect(error.message).toMatch(/training diverged.*there is no checkpoint yet$/);
    expect(await listCheckpoints(run)).toEqual([]);
  });

  test("a checkpoint poisoned with values that are not numbers is refused", async () => {
    const run = place();
    const { checkpoint } = await train(runtime, run, config({ steps: 2 }));
    for (const [file, pattern] of [
      ["model.safetensors", /damaged: .*(finite|NaN)/i],
      ["optimizer.safetensors", /damaged: the second moments of .* are not all finite/],
    ] as const) {
      const path = join(checkpoint, file);
      const bytes = readFileSync(path);
      const poisoned = Buffer.from(bytes);
      poisoned.writeFloatLE(NaN, poisoned.length - 4);
      writeFileSync(path, poisoned);
      const error = await failure(train(runtime, run, config({ steps: 2 }), { resume: true }));
      expect([error.code, error.message]).toEqual(["invalid-file", expect.stringMatching(pattern)]);
      writeFileSync(path, bytes);
    }
  });
});

describe("a damaged checkpoint", () => {
  const json = (text: string) => (path: string) => writeFileSync(join(path, "training.json"), text);
  const progress = (changes: object) => (path: string) => {
    const own = JSON.parse(readFileSync(join(path, "training.json"), "utf8")) as object;
    writeFileSync(join(path, "training.json"), JSON.stringify({ ...own, ...changes }));
  };
  const cases: [string, (path: string) => void, RegExp][] = [
    [
      "a truncated optimizer",
      (path) => truncateSync(join(path, "optimizer.safetensors"), 5000),
      /optimizer|safetensors/,
    ],
    ["an empty optimizer", (path) => truncateSync(join(path, "optimizer.safetensors"), 0), /safetensors/],
    ["no optimizer", (path) => rmSync(join(path, "optimizer.safetensors")), /optimizer\.safetensors cannot be read/],
    ["truncated weights", (path) => truncateSync(join(path, "model.safetensors"), 9000), /the file has 9000/],
    ["no training.json", (path) => rmSync(join(path, "training.json")), /training\.json is missing/],
    ["JSON that is none", json("{"), /training\.json is not JSON/],
    ["null", json("null"), /training\.json: /],
    ["a step that is not the folder's", progress({ step: 3 }), /expected the folder's step, received 3/],
    ["half a step", progress({ step: 1.5 }), /step: /],
    ["tokens below 0", progress({ tokens: -1 }), /tokens: /],
    ["a position that is none", progress({ position: { drawn: null } }), /position\.drawn: /],
    ["another version", progress({ version: 2 }), /version: /],
  ];

  test.each(cases)(
    "with %s is refused as such, and the one before it can be gone on with",
    async (_, damage, message) => {
      const run = place();
      const { checkpoint } = await train(runtime, run, config({ steps: 2, checkpointEvery: 1 }));
      damage(checkpoint);
      const error = await failure(train(runtime, run, config({ steps: 2, checkpointEvery: 1 }), { resume: true }));
      expect([error.code, error.message]).toEqual(["invalid-file", expect.stringMatching(message)]);
      expect(error.message).toContain("delete that folder to go on from the checkpoint before it");
      rmSync(checkpoint, { recursive: true });
      const again = await train(runtime, run, config({ steps: 2, checkpointEvery: 1 }), { resume: true });
      expect(again).toMatchObject({ finished: true, steps: 2 });
    },
  );

  test("a run.json that is cut is refused as such", async () => {
    const run = place();
    await train(runtime, run, config({ steps: 1 }));
    truncateSync(join(run, "run.json"), 20);
    const error = await failure(train(runtime, run, config({ steps: 1 }), { resume: true }));
    expect([error.code, error.message]).toEqual(["invalid-file", expect.stringContaining("run.json is not JSON")]);
  });
});
