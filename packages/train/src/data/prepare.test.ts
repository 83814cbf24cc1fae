import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { byteTokenizer, endOfText } from "./__fixtures__/byte-tokenizer.js";
import { openDataset } from "./dataset.js";
import { parseManifest } from "./manifest.js";
import { prepareDataset } from "./prepare.js";
import type { PrepareOptions, PrepareProgress } from "./prepare-options.js";
import { createShardWriter } from "./shard-writer.js";
import { splitOf } from "./split.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dynamo-prepare-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const file = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
const out = (name = "dataset"): string => join(folder, name);
const options = (files: readonly string[], more: Partial<PrepareOptions> = {}): PrepareOptions => ({
  sources: [{ name: "text", files }],
  tokenizerJson: byteTokenizer(),
  endOfText,
  out: out(),
  workers: 1,
  ...more,
});
const story = (i: number): string => `story ${i}: ${"once upon a time — ".repeat(1 + (i % 9))}`.trim();
const stories = (count: number): string => Array.from({ length: count }, (_, i) => story(i)).join("\n<|endoftext|>\n");
const packed = (texts: readonly string[]): number[] => texts.flatMap((text) => [endOfText, ...Buffer.from(text)]);
const tokensOf = (path: string): number[] => {
  const bytes = readFileSync(path);
  return Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readUInt16LE(2 * i));
};
/** Every file of a folder by its path. */
const contents = (path: string): Map<string, string> =>
  new Map(
    readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((name) => [name.slice(path.length), readFileSync(name, "base64")]),
  );
const left = (): string[] => readdirSync(folder).filter((name) => !/[.](txt|jsonl)$/.test(name));

describe("prepareDataset", () => {
  it("packs every document as end-of-text and its tokens, each split in the order of the text", async () => {
    const summary = await prepareDataset(options([file("a.txt", stories(300))], { heldOutFraction: 0.2 }));
    const all = Array.from({ length: 300 }, (_, i) => story(i));
    for (const split of ["train", "held-out"] as const) {
      const texts = all.filter((text) => splitOf(text, 0.2) === split);
      expect(tokensOf(join(out(), `text/${split}-00000.bin`))).toEqual(packed(texts));
      expect(summary.sources[0]?.[split]).toMatchObject({
        documents: texts.length,
        tokens: packed(texts).length,
        bytes: Buffer.byteLength(texts.join("")),
      });
    }
    expect(summary).toMatchObject({ folder: out(), documents: 300, tokens: packed(all).length, dtype: "uint16" });
  });

  it("writes a manifest whose sums hold, and the tokenizer's files", async () => {
    const config = { eos_token: "<|endoftext|>" };
    const made = await prepareDataset(options([file("a.txt", stories(50))], { tokenizerConfig: config }));
    const manifest = parseManifest(readFileSync(join(out(), "dataset.json"), "utf8"));
    const sha256 = (name: string): string =>
      createHash("sha256")
        .update(readFileSync(join(out(), name)))
        .digest("hex");
    expect(manifest.tokenizer).toEqual({ sha256: sha256("tokenizer.json"), vocabularySize: 257, endOfText });
    for (const { file: name, sha256: sum } of manifest.sources[0]?.train.shards ?? []) expect(sha256(name)).toBe(sum);
    expect(JSON.parse(readFileSync(join(out(), "tokenizer.json"), "utf8"))).toEqual(byteTokenizer());
    expect(JSON.parse(readFileSync(join(out(), "tokenizer_config.json"), "utf8"))).toEqual(config);
    const dataset = await openDataset(out());
    expect({ folder: out(), ...dataset.manifest }).toEqual(expect.objectContaining({ sources: made.sources }));
    await dataset.close();
  });

  it("makes the same bytes whatever the number of workers", async () => {
    const files = [
      file("a.txt", stories(3000)),
      file("b.jsonl", `{"text":"${"line\\n".repeat(250_000)}"}\n{"text":"b"}`),
    ];
    const shardTokens = 150_000;
    await prepareDataset(options(files, { out: out("one"), workers: 1, shardTokens }));
    await prepareDataset(options(files, { out: out("three"), workers: 3, shardTokens }));
    expect(contents(out("three"))).toEqual(contents(out("one")));
    expect(contents(out("one")).size).toBeGreaterThan(6);
  });

  it("puts end-of-text before the first piece of a long document only, and all pieces in one split", async () => {
    const long = `${"a line of text\n".repeat(150_000)}end`;
    const { sources } = await prepareDataset(options([file("a.txt", long)], { heldOutFraction: 0.5 }));
    const { train, "held-out": heldOut } = sources[0] ?? expect.fail("no source");
    expect([train.tokens, heldOut.tokens].sort((a, b) => a - b)).toEqual([0, long.length + 1]);
    expect(train.documents + heldOut.documents).toBe(1);
  });

  it("fills shards to the token", async () => {
    const made = await prepareDataset(
      options([file("a.txt", "x".repeat(25))], { heldOutFraction: 0, shardTokens: 10 }),
    );
    expect(made.sources[0]?.train.shards.map(({ tokens }) => tokens)).toEqual([10, 10, 6]);
    const files = [0, 1, 2].map((i) => join(out(), `text/train-0000${i}.bin`));
    expect(files.flatMap(tokensOf)).toEqual(packed(["x".repeat(25)]));
  });

  it("writes four bytes per token for vocabularies above 65,536", async () => {
    const tokenizerJson = byteTokenizer(2 ** 16);
    const made = await prepareDataset(options([file("a.txt", "abc")], { tokenizerJson, heldOutFraction: 0 }));
    expect(made.dtype).toBe("uint32");
    const bytes = readFileSync(join(out(), "text/train-00000.bin"));
    expect(Array.from({ length: 4 }, (_, i) => bytes.readUInt32LE(4 * i))).toEqual([endOfText, 97, 98, 99]);
    expect(bytes.length).toBe(16);
  });

  it("reports progress that rises to the end", async () => {
    const seen: PrepareProgress[] = [];
    const sources = [
      { name: "a", files: [file("a.txt", stories(4000))], weight: 2 },
      { name: "b", files: [file("b.txt", stories(10))], weight: 1 },
    ];
    const made = await prepareDataset(options([], { sources, onProgress: (progress) => seen.push(progress) }));
    const last = seen.at(-1) ?? expect.fail("no progress");
    expect(last).toEqual({ bytes: last.totalBytes, totalBytes: last.totalBytes, documents: 4010, tokens: made.tokens });
    for (const key of ["bytes", "documents", "tokens"] as const)
      expect(seen.map((progress) => progress[key])).toEqual(
        seen.map((progress) => progress[key]).sort((x, y) => x - y),
      );
    expect(made.sources.map(({ name, weight }) => [name, weight])).toEqual([
      ["a", 2],
      ["b", 1],
    ]);
  });
});

describe("prepareDataset that fails", () => {
  const rejected = async (wrong: PrepareOptions, code: string, message: RegExp): Promise<void> => {
    await expect(prepareDataset(wrong)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(left()).toEqual([]);
  };

  it("leaves nothing when it is aborted, before, during and while workers are at it", async () => {
    const files = [file("a.txt", stories(20_000))];
    await rejected(options(files, { signal: AbortSignal.abort() }), "aborted", /signal/);
    for (const workers of [1, 3]) {
      const controller = new AbortController();
      await rejected(
        options(files, { workers, signal: controller.signal, onProgress: () => controller.abort() }),
        "aborted",
        /signal/,
      );
    }
    await rejected(options(files, { signal: AbortSignal.timeout(50) }), "aborted", /signal/);
  });

  it("leaves nothing when a file late in the corpus is damaged", async () => {
    const good = file("a.txt", stories(3000));
    await rejected(options([good, file("b.txt", Buffer.from([0x61, 0xff]))]), "invalid-file", /b\.txt .* offset 1 /);
    await rejected(
      options([good, file("b.jsonl", '{"text":"x"}\nnonsense')]),
      "invalid-file",
      /b\.jsonl:2 is not JSON/,
    );
  });

  it("leaves nothing when the caller's progress throws", async () => {
    const onProgress = (): never => {
      throw new Error("from the caller");
    };
    await expect(prepareDataset(options([file("a.txt", "a")], { onProgress }))).rejects.toThrow("from the caller");
    expect(left()).toEqual([]);
  });

  it("says that a corpus is empty or missing", async () => {
    await rejected(options([file("a.txt", " \n<|endoftext|>\n")]), "invalid-argument", /text has no documents.*a\.txt/);
    await rejected(options([join(folder, "none.txt")]), "not-found", /none\.txt/);
  });

  it("says which option is wrong", async () => {
    const files = [file("a.txt", "a")];
    const twice = [
      { name: "a", files },
      { name: "A", files },
    ];
    const halfWeighted = [
      { name: "a", files, weight: 1 },
      { name: "b", files },
    ];
    const wrong: [Partial<PrepareOptions>, RegExp][] = [
      [{ endOfText: 257 }, /endOfText.*0 to 256, received 257/],
      [{ heldOutFraction: 1 }, /heldOutFraction/],
      [{ workers: 0 }, /workers/],
      [{ shardTokens: 0.5 }, /shardTokens/],
      [{ sources: [] }, /sources/],
      [{ sources: [{ name: "../a", files }] }, /name/],
      [{ sources: [{ name: "a", files: [] }] }, /at least one file/],
      [{ sources: [{ name: "a", files, weight: 0 }] }, /weight above 0/],
      [{ sources: twice }, /two sources/],
      [{ sources: halfWeighted }, /all sources or none, received 1 for 2/],
    ];
    for (const [more, message] of wrong) await rejected(options(files, more), "invalid-argument", message);
    await rejected(options(files, { tokenizerJson: { model: 1 } }), "invalid-file", /tokenizer\.json/);
  });

  it("refuses a folder that exists, and overwrites a dataset only", async () => {
    const files = [file("a.txt", "old")];
    await prepareDataset(options(files, { heldOutFraction: 0 }));
    const before = contents(out());
    await expect(prepareDataset(options(files))).rejects.toMatchObject({
      message: expect.stringContaining("exists already"),
    });
    expect(contents(out())).toEqual(before);
    await prepareDataset(options([file("b.txt", "new")], { heldOutFraction: 0, overwrite: true }));
    expect(tokensOf(join(out(), "text/train-00000.bin"))).toEqual(packed(["new"]));

    mkdirSync(out("photos"));
    writeFileSync(join(out("photos"), "cat.jpg"), "x");
    const over = prepareDataset(options(files, { out: out("photos"), overwrite: true }));
    await expect(over).rejects.toMatchObject({ code: "invalid-argument" });
    expect(readdirSync(out("photos"))).toEqual(["cat.jpg"]);
  });

  it("does not overwrite the folder that it reads from", async () => {
    await prepareDataset(options([file("a.txt", "a")]));
    writeFileSync(join(out(), "more.txt"), "more");
    const over = prepareDataset(options([join(out(), "more.txt")], { overwrite: true }));
    await expect(over).rejects.toMatchObject({ message: expect.stringContaining("holds the source") });
    expect(readFileSync(join(out(), "more.txt"), "utf8")).toBe("more");
  });
});

describe("createShardWriter", () => {
  it("refuses tokens outside the vocabulary", async () => {
    const writer = createShardWriter({ folder, source: "a", split: "train", vocabularySize: 10, shardTokens: 100 });
    for (const token of [-1, 10]) {
      const expected = { code: "invalid-file", message: expect.stringContaining(`expected 0 to 9, received ${token}`) };
      await expect(writer.write(Int32Array.of(1, token))).rejects.toMatchObject(expected);
    }
    await writer.close();
  });
});
