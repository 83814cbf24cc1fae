/**
 * Every tokenizer.json that npm ships, against Rust's tokenizers. The packages are large: `npm run tokenizers:sweep` fetches
 * them and runs this; elsewhere it is skipped.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadTokenizer, type LoadedTokenizer } from "../../src/index.js";

interface Golden {
  readonly version: string;
  /** Of tokenizer.json. */
  readonly sha256: string;
  readonly special: readonly string[];
  /** Hashes, text by text, of the ids and of their decoded text. */
  readonly ids: readonly string[];
  readonly texts: readonly string[];
  /** Random ids and their text. */
  readonly random: readonly (readonly [number[], string])[];
}

const folder = process.env["DYNAMO_TOKENIZERS"] ?? "";
const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");
const golden = JSON.parse(read("golden.json")) as Readonly<Record<string, Golden>>;
const texts = [
  ...read("../../src/__fixtures__/torture.txt").split("\n"),
  ...(JSON.parse(read("texts.json")) as string[]),
];
const digest = (value: unknown): string =>
  createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 16);
const pathOf = (name: string): string => join(folder, name.replace("/", "+"), "tokenizer.json");
const isHere = (name: string): boolean => folder !== "" && existsSync(pathOf(name));
if (!Object.keys(golden).some(isHere))
  process.stdout.write("skipped: real tokenizers, which `npm run tokenizers:sweep` fetches\n");

function streamed({ stream }: LoadedTokenizer, ids: ArrayLike<number>): string {
  const { push, flush } = stream();
  return Array.from(ids, (id) => push([id])).join("") + flush();
}

for (const [name, { sha256, special, ids, texts: decoded, random }] of Object.entries(golden)) {
  describe.skipIf(!isHere(name))(name, () => {
    let loaded: LoadedTokenizer | undefined;
    const tokenizer = (): LoadedTokenizer => {
      const content = readFileSync(pathOf(name));
      return (loaded ??= loadTokenizer({ tokenizerJson: content.toString("utf8") }));
    };

    it("is the file that the golden ids are of", () => {
      expect(
        createHash("sha256")
          .update(readFileSync(pathOf(name)))
          .digest("hex"),
      ).toBe(sha256);
    });

    it("gives the ids that Rust's gives, and their text, whole and streamed", () => {
      const wrong = [...texts, ...special].filter((text, i) => {
        const own = tokenizer().encode(text);
        const back = tokenizer().decode(own);
        const rightIds = digest([...own]) === ids[i];
        return !rightIds || digest(back) !== decoded[i] || streamed(tokenizer(), own) !== back;
      });
      expect(wrong).toEqual([]);
    });

    it("gives random ids the text that Rust's gives", () => {
      for (const [own, text] of random) {
        expect(tokenizer().decode(own)).toBe(text);
        expect(streamed(tokenizer(), own)).toBe(text);
      }
    });
  });
}
