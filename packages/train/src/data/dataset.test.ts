import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TokenRows } from "../batch.js";
import type { BatchOptions, Batches } from "./batches.js";
import { openDataset, type Dataset } from "./dataset.js";

let folder: string;
let dataset: Dataset | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dynamo-dataset-"));
});
afterEach(async () => {
  await dataset?.close();
  dataset = undefined;
  rmSync(folder, { recursive: true, force: true });
});

interface Source {
  readonly name: string;
  readonly train: number;
  readonly heldOut?: number;
  readonly weight?: number;
}

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const vocabularySize = 60_000;

/** Token t of source s is 10,000 s + t: a window tells where it comes from. Held-out tokens go on from 5,000. */
function writeDataset(sources: readonly Source[], shardTokens = 1000): Record<string, unknown> {
  const part = (source: string, split: string, count: number, first: number): object => {
    const shards: { file: string; tokens: number; sha256: string }[] = [];
    for (let from = 0; from < count; from += shardTokens) {
      const ids = Uint16Array.from({ length: Math.min(shardTokens, count - from) }, (_, i) => first + from + i);
      const file = `${source}/${split}-${String(shards.length).padStart(5, "0")}.bin`;
      writeFileSync(join(folder, file), ids);
      shards.push({ file, tokens: ids.length, sha256: digest(new Uint8Array(ids.buffer)) });
    }
    return { documents: 1, tokens: count, bytes: count, shards };
  };
  const manifest = {
    format: "dynamo-dataset",
    version: 1,
    tokenizer: { sha256: "0".repeat(64), vocabularySize, endOfText: 0 },
    dtype: "uint16",
    heldOutFraction: 0.03,
    sources: sources.map(({ name, train, heldOut = 0, weight }, i) => {
      mkdirSync(join(folder, name), { recursive: true });
      return {
        name,
        ...(weight === undefined ? {} : { weight }),
        train: part(name, "train", train, i * 10_000),
        "held-out": part(name, "held-out", heldOut, i * 10_000 + 5000),
      };
    }),
  };
  writeManifest(manifest);
  return manifest;
}
const writeManifest = (manifest: unknown): void =>
  writeFileSync(join(folder, "dataset.json"), JSON.stringify(manifest));

async function open(sources: readonly Source[], shardTokens?: number): Promise<Dataset> {
  writeDataset(sources, shardTokens);
  dataset = await openDataset(folder);
  return dataset;
}

const training = (more: Partial<BatchOptions> = {}): BatchOptions => ({
  split: "train",
  batchSize: 4,
  sequenceLength: 16,
  seed: 7,
  ...more,
});

/** First tokens of the rows; every row must be consecutive tokens. */
function rowStarts(batch: TokenRows | undefined, length = 16): number[] {
  const { tokens } = batch ?? expect.fail("no batch");
  const starts: number[] = [];
  for (let at = 0; at < tokens.length; at += length) {
    const start = tokens[at] as number;
    expect([...tokens.subarray(at, at + length)]).toEqual(Array.from({ length }, (_, i) => start + i));
    starts.push(start);
  }
  return starts;
}

async function take(batches: Batches, count: number): Promise<number[][]> {
  const taken = [];
  for (let i = 0; i < count; i++) taken.push(rowStarts(await batches.next()));
  return taken;
}

describe("training batches", () => {
  it("visit every window once an epoch, in another order each epoch and for each seed, across shards", async () => {
    // 62 windows and some tokens left over; windows run across the ends of shards of 37 tokens.
    const { batches } = await open([{ name: "a", train: 62 * 16 + 5 }], 37);
    const all = Array.from({ length: 62 }, (_, i) => i * 16);
    const epochs = async (seed: number): Promise<string[]> => {
      const iterator = batches(training({ batchSize: 2, seed }));
      const orders = [];
      for (let epoch = 0; epoch < 3; epoch++) {
        const order = (await take(iterator, 31)).flat();
        expect(order.toSorted((x, y) => x - y)).toEqual(all);
        orders.push(order.join());
      }
      await iterator.close();
      return orders;
    };
    const orders = [...(await epochs(1)), ...(await epochs(2)), all.join()];
    expect(new Set(orders).size).toBe(7);
    expect(await epochs(1)).toEqual(orders.slice(0, 3));
  });

  it("go on from any position as if they had not been interrupted", async () => {
    const opened = await open([
      { name: "a", train: 900, weight: 3 },
      { name: "b", train: 300, weight: 2 },
    ]);
    const whole = await take(opened.batches(training()), 40);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 39 }), async (at) => {
        const before = opened.batches(training());
        expect(await take(before, at)).toEqual(whole.slice(0, at));
        const position = JSON.parse(JSON.stringify(before.position));
        await before.close();
        const after = opened.batches(training({ position }));
        expect(after.position).toEqual(position);
        expect(await take(after, 40 - at)).toEqual(whole.slice(at));
        await after.close();
      }),
      { numRuns: 25 },
    );
  });

  it("count in their position what was handed out, not what is read ahead", async () => {
    const batches = (await open([{ name: "a", train: 1000 }])).batches(training());
    expect(batches.position).toEqual({ drawn: { a: 0 } });
    await batches.next();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(batches.position).toEqual({ drawn: { a: 4 } });
  });

  it("hand one batch to each of several calls at once", async () => {
    const opened = await open([{ name: "a", train: 1000 }]);
    const expected = await take(opened.batches(training()), 3);
    const batches = opened.batches(training());
    expect((await Promise.all([batches.next(), batches.next(), batches.next()])).map((b) => rowStarts(b))).toEqual(
      expected,
    );
  });

  it("mix sources by their weights", async () => {
    const opened = await open([
      { name: "a", train: 500, weight: 1 },
      { name: "b", train: 4000, weight: 3 },
    ]);
    const batches = opened.batches(training());
    const rows = (await take(batches, 100)).flat();
    expect(rows.filter((start) => start < 10_000)).toHaveLength(100);
    expect(batches.position).toEqual({ drawn: { a: 100, b: 300 } });
  });

  it("mix sources by their sizes without weights, and leave out what has no whole row", async () => {
    const opened = await open([
      { name: "a", train: 1600 },
      { name: "b", train: 800 },
      { name: "empty", train: 0 },
    ]);
    const batches = opened.batches(training());
    await take(batches, 75);
    expect(batches.position).toEqual({ drawn: { a: 200, b: 100, empty: 0 } });
  });

  it("refuse positions of another dataset", async () => {
    const opened = await open([{ name: "a", train: 1000 }]);
    for (const drawn of [{}, { b: 1 }, { a: 1, b: 1 }, { a: -1 }, { a: 0.5 }, { a: "1" }] as Record<string, number>[]) {
      expect(() => opened.batches(training({ position: { drawn } }))).toThrow(
        expect.objectContaining({ code: "invalid-argument", message: expect.stringContaining("position") }),
      );
    }
  });

  it("say how many tokens are needed and found when there are too few", async () => {
    const opened = await open([{ name: "a", train: 63 }]);
    expect(() => opened.batches(training())).toThrow(
      expect.objectContaining({
        code: "invalid-argument",
        message: expect.stringMatching(/at least 64 tokens \(4 rows of 16\), found 63 tokens \(3 whole rows\)/),
      }),
    );
  });

  it("say which weighted source is smaller than a row", async () => {
    const opened = await open([
      { name: "a", train: 1000, weight: 1 },
      { name: "b", train: 15, weight: 1 },
    ]);
    expect(() => opened.batches(training())).toThrow(/source b .* at least 16 tokens, found 15/);
  });

  it("refuse sizes that are none", async () => {
    const opened = await open([{ name: "a", train: 1000 }]);
    const wrong = [
      { batchSize: 0 },
      { sequenceLength: 1.5 },
      { batchSize: 2 ** 20, sequenceLength: 2 ** 20 },
      { seed: NaN },
    ];
    for (const more of wrong)
      expect(() => opened.batches(training(more))).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  });

  it("end with close", async () => {
    const opened = await open([{ name: "a", train: 1000 }]);
    const batches = opened.batches(training());
    await batches.close();
    await expect(batches.next()).rejects.toMatchObject({ code: "invalid-argument" });
    await opened.close();
    expect(() => opened.batches(training())).toThrow(/closed/);
  });
});

describe("held-out batches", () => {
  const heldOut = (more: Partial<BatchOptions> = {}): BatchOptions => training({ split: "held-out", ...more });

  it("are one pass in order, without the rows that fill no batch", async () => {
    const opened = await open([
      { name: "a", train: 1000, heldOut: 6 * 16 + 3 },
      { name: "b", train: 1000, heldOut: 3 * 16 },
    ]);
    const batches = opened.batches(heldOut());
    expect(await take(batches, 2)).toEqual([
      [5000, 5016, 5032, 5048],
      [5064, 5080, 15_000, 15_016],
    ]);
    expect(await batches.next()).toBeUndefined();
    expect(await batches.next()).toBeUndefined();
    expect(batches.position).toEqual({ drawn: { a: 6, b: 2 } });
  });

  it("go on from a position", async () => {
    const opened = await open([{ name: "a", train: 0, heldOut: 200 }]);
    const batches = opened.batches(heldOut({ position: { drawn: { a: 4 } } }));
    expect(await take(batches, 2)).toEqual([
      [5064, 5080, 5096, 5112],
      [5128, 5144, 5160, 5176],
    ]);
    expect(await batches.next()).toBeUndefined();
  });

  it("need one whole batch", async () => {
    const opened = await open([{ name: "a", train: 1000, heldOut: 63 }]);
    expect(() => opened.batches(heldOut())).toThrow(/held-out data .* at least 64 tokens/);
  });
});

describe("openDataset", () => {
  const rejected = async (code: string, message: RegExp): Promise<void> => {
    await expect(openDataset(folder)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  };

  it("misses a folder without a manifest", async () => {
    await rejected("not-found", /no dataset\.json/);
  });

  it("refuses manifests that are damaged or hostile", async () => {
    const set =
      (path: string, value: unknown) =>
      (manifest: Record<string, unknown>): void => {
        const keys = path.split("/");
        const last = keys.pop() ?? "";
        const parent = keys.reduce((object, key) => object[key] as Record<string, unknown>, manifest);
        parent[last] = value;
      };
    const shard = "sources/0/train/shards/0";
    const cases: [string, unknown, RegExp][] = [
      ["format", "other", /format/],
      ["dtype", "uint32", /dtype: expected "uint16"/],
      ["heldOutFraction", 2, /heldOutFraction/],
      ["tokenizer", null, /tokenizer: expected an object/],
      ["tokenizer/sha256", "x", /SHA-256/],
      ["tokenizer/vocabularySize", 2 ** 30, /vocabularySize/],
      ["tokenizer/endOfText", vocabularySize, /endOfText/],
      ["sources", {}, /sources: expected a list/],
      ["sources", [], /at least one/],
      ["sources/0/name", "../../etc", /name/],
      ["sources/1/name", "a", /file: expected|same name/],
      ["sources/0/weight", -1, /weight/],
      ["sources/0/weight", 1, /weights of all or none/],
      ["sources/0/train/tokens", 5, /tokens: its shards have 100/],
      ["sources/0/train/documents", -1, /documents/],
      ["sources/0/train/shards", new Array(5000).fill({}), /at most 4096/],
      [`${shard}/file`, "../secret.bin", /file: expected "a\/train-00000.bin"/],
      [`${shard}/tokens`, 0, /tokens/],
      [`${shard}/sha256`, 1, /SHA-256/],
    ];
    for (const [path, value, message] of cases) {
      const manifest = writeDataset([
        { name: "a", train: 100 },
        { name: "b", train: 50 },
      ]);
      set(path, value)(manifest);
      writeManifest(manifest);
      await rejected("invalid-file", message);
    }
  });

  it("refuses other versions, text that is no JSON and huge files", async () => {
    writeManifest({ ...writeDataset([{ name: "a", train: 100 }]), version: 2 });
    await rejected("unsupported", /version 1, received 2/);
    writeFileSync(join(folder, "dataset.json"), "{");
    await rejected("invalid-file", /not JSON/);
    truncateSync(join(folder, "dataset.json"), 2 ** 25);
    await rejected("invalid-file", /at most 16777216 bytes, received 33554432/);
  });

  it("never throws anything but its own errors, whatever the manifest holds", async () => {
    await fc.assert(
      fc.asyncProperty(fc.json(), async (json) => {
        writeFileSync(join(folder, "dataset.json"), json);
        await expect(openDataset(folder)).rejects.toMatchObject({ code: "invalid-file" });
      }),
    );
  });

  it("refuses shards that are missing or of another size", async () => {
    writeDataset([{ name: "a", train: 100 }]);
    truncateSync(join(folder, "a/train-00000.bin"), 199);
    await rejected("invalid-file", /expected 200 bytes, received 199/);
    unlinkSync(join(folder, "a/train-00000.bin"));
    await rejected("invalid-file", /is missing/);
  });

  it("hands out no token outside the vocabulary", async () => {
    const opened = await open([{ name: "a", train: 1000 }]);
    writeFileSync(join(folder, "a/train-00000.bin"), new Uint16Array(1000).fill(vocabularySize));
    await expect(opened.batches(training()).next()).rejects.toMatchObject({
      code: "invalid-file",
      message: expect.stringMatching(/expected 0 to 59999, received 60000/),
    });
  });

  it("says so when a shard shrinks while it is open", async () => {
    const opened = await open([{ name: "a", train: 1000 }]);
    truncateSync(join(folder, "a/train-00000.bin"), 0);
    await expect(opened.batches(training()).next()).rejects.toMatchObject({ code: "invalid-file" });
  });
});
