import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { loadTokenizer } from "../../src/index.js";

const shared = process.env["DYNAMO_SHARED"] ?? resolve(import.meta.dirname, "../../../../../shared");
const here = existsSync(shared);
if (!here) process.stdout.write("skipped: the real tokenizers of ../shared are not here\n");

const torture = readFileSync(new URL("../../src/__fixtures__/torture.txt", import.meta.url), "utf8").split("\n");

for (const [name, path, form] of [
  ["Pythia's tokenizer", "data/pythia-tokenizer.json", "NFC"],
  ["the stories' tokenizer", "checkpoints/stories/tokenizer.json", undefined],
] as const) {
  it.skipIf(!here)(`${name} round-trips every line of the torture file, whole and streamed`, () => {
    const tokenizer = loadTokenizer({ tokenizerJson: readFileSync(resolve(shared, path), "utf8") });
    for (const line of torture) {
      // Pythia's tokenizer normalises its input.
      const expected = form === undefined ? line : line.normalize(form);
      const ids = tokenizer.encode(line);
      expect(tokenizer.decode(ids)).toBe(expected);
      const stream = tokenizer.stream();
      const pieces = Array.from(ids, (id) => stream.push([id]));
      expect(pieces.join("") + stream.flush()).toBe(expected);
    }
  });
}
