/** A dataset's files against the hashes in its manifest: one byte that is another one is found, in any of them. */
import { readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { byteDataset, temporaryFolder } from "../__fixtures__/tiny.js";
import { byteTokenizer, endOfText } from "./__fixtures__/byte-tokenizer.js";
import { prepareChatDataset } from "./chat/prepare-chat.js";
import { openDataset, type Dataset } from "./dataset.js";
import { verifyDataset } from "./verify-dataset.js";

const place = temporaryFolder();
afterAll(() => rmSync(place, { recursive: true }));

let text: Dataset;
let chat: Dataset;
beforeAll(async () => {
  text = await openDataset(await byteDataset(place));
  const file = join(place, "chat.jsonl");
  const line = (i: number): string => JSON.stringify({ instruction: `what is ${i}?`, output: `it is ${i}` });
  writeFileSync(file, Array.from({ length: 60 }, (_, i) => line(i)).join("\n"));
  await prepareChatDataset({
    ...{ sources: [{ name: "chat", files: [file] }], tokenizerJson: byteTokenizer(), tokenizerConfig: {}, endOfText },
    ...{ out: join(place, "chat"), rowTokens: 256, workers: 1 },
  });
  chat = await openDataset(join(place, "chat"));
});

/** Runs with a byte of a file turned over, its size and times as they were. */
async function withDamage(path: string, run: () => Promise<void>): Promise<void> {
  const [before, { atime, mtime }] = [readFileSync(path), statSync(path)];
  const damaged = Buffer.from(before);
  damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] ?? 0) ^ 1;
  writeFileSync(path, damaged);
  utimesSync(path, atime, mtime);
  await run();
  writeFileSync(path, before);
}

test("whole datasets pass, each byte of their shards is read once", async () => {
  const seen: number[] = [];
  let total = 0;
  await verifyDataset(text, {
    onProgress(done, all) {
      seen.push(done);
      total = all;
    },
  });
  const bytes = text.manifest.sources.flatMap((source) => [...source.train.shards, ...source["held-out"].shards]);
  expect(seen.at(-1)).toBe(total);
  expect(total).toBe(2 * bytes.reduce((sum, { tokens }) => sum + tokens, 0));
  expect([...seen].sort((a, b) => a - b)).toEqual(seen);
  await verifyDataset(chat);
});

test("a turned byte is found in every file that the manifest lists, whatever its size and times say", async () => {
  for (const { folder, manifest } of [text, chat]) {
    const shards = manifest.sources.flatMap(({ train, "held-out": held }) => [...train.shards, ...held.shards]);
    const counted = manifest.chat === undefined ? [] : shards.map(({ file }) => file.replace(/bin$/, "counted.bin"));
    const files = ["tokenizer.json", ...shards.map(({ file }) => file), ...counted];
    expect(files.length).toBeGreaterThan(2);
    for (const file of files)
      await withDamage(join(folder, file), async () => {
        await expect(verifyDataset({ folder, manifest })).rejects.toMatchObject({
          code: "invalid-file",
          message: expect.stringMatching(
            `${file} is not the file .* expected SHA-256 [0-9a-f]{64}, received [0-9a-f]{64}`,
          ),
        });
      });
    await verifyDataset({ folder, manifest });
  }
});

test("it stops when it is told to", async () => {
  await expect(verifyDataset(text, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "aborted" });
});
