/** Byte pair encoding. */
import { DynamoError } from "@dynamo/core";
import { describeValue } from "@dynamo/core/options";
import { byteToken } from "./byte-fallback.js";
import { mergeTable, type MergeTable } from "./merge-table.js";
import { mergeWord } from "./merge-word.js";
import { optionalText, type Model, type Vocabulary } from "./model.js";
import type { Settings } from "./settings.js";

/** Words come again and again; longer ones do not. */
const maxCachedWords = 2 ** 14;
const maxCachedCharacters = 128;

/** Throws `unsupported` for a model that drops merges at random, `invalid-file` for merges of tokens that are not there. */
export function bpe(settings: Settings, vocabulary: Vocabulary): Model {
  const dropout = settings.get("dropout");
  if (typeof dropout === "number" && dropout > 0)
    throw new DynamoError(
      "unsupported",
      `tokenizer.json: ${settings.place}.dropout: ids would be random: expected null, received ${dropout}`,
    );
  const ignoresMerges = settings.get("ignore_merges") === true;
  const merges = readMerges(settings, vocabulary);
  const symbols = symbolReader(settings, vocabulary);
  const known = new Map<string, Int32Array>();
  return {
    encode(word, push) {
      const whole = ignoresMerges ? vocabulary.idOf(word) : undefined;
      if (whole !== undefined) {
        push(whole);
        return;
      }
      let ids = known.get(word);
      if (ids === undefined) {
        const tokens = symbols(word);
        ids = tokens.subarray(0, mergeWord(tokens, tokens.length, merges));
        if (word.length <= maxCachedCharacters) {
          if (known.size >= maxCachedWords) known.clear();
          known.set(word, ids.slice());
        }
      }
      for (const id of ids) push(id);
    },
  };
}

function readMerges(settings: Settings, { idOf }: Vocabulary): MergeTable {
  const list = settings.get("merges");
  if (!Array.isArray(list)) throw broken(settings, "a list of pairs", list);
  const prefix = optionalText(settings, "continuing_subword_prefix") ?? "";
  const triples = new Int32Array(list.length * 3);
  let at = 0;
  for (const entry of list as readonly unknown[]) {
    // The version that older files begin with.
    if (typeof entry === "string" && entry.startsWith("#version")) continue;
    const pair: unknown = typeof entry === "string" ? entry.split(" ") : entry;
    if (!Array.isArray(pair) || pair.length !== 2) throw broken(settings, "pairs of tokens", entry);
    const [left, right] = pair as readonly unknown[];
    if (typeof left !== "string" || typeof right !== "string") throw broken(settings, "pairs of tokens", entry);
    const become = left + (prefix === "" ? right : right.slice(prefix.length));
    const ids = [idOf(left), idOf(right), idOf(become)];
    if (ids.includes(undefined))
      throw broken(settings, "tokens of the vocabulary", [left, right, become][ids.indexOf(undefined)]);
    for (const id of ids) triples[at++] = id as number;
  }
  return mergeTable(triples.subarray(0, at));
}

const broken = ({ place }: Settings, expected: string, received: unknown): DynamoError =>
  new DynamoError(
    "invalid-file",
    `tokenizer.json: ${place}.merges: expected ${expected}, received ${describeValue(received)}`,
  );

/** A word's characters as tokens: bytes or the unknown token for those without one. */
function symbolReader(settings: Settings, { idOf, unknown }: Vocabulary): (word: string) => Int32Array {
  const prefix = optionalText(settings, "continuing_subword_prefix") ?? "";
  const suffix = optionalText(settings, "end_of_word_suffix") ?? "";
  const unknownToken = optionalText(settings, "unk_token");
  const fuses = settings.get("fuse_unk") === true;
  const bytesOf = settings.get("byte_fallback") === true ? byteIds(idOf) : () => undefined;
  return (word) => {
    const ids: number[] = [];
    let [start, waiting] = [0, false];
    const giveUnknown = (): void => {
      if (waiting && unknownToken !== undefined) ids.push(unknown(unknownToken));
      waiting = false;
    };
    for (const character of word) {
      const end = start + character.length;
      const token = (start > 0 ? prefix : "") + character + (end === word.length ? suffix : "");
      start = end;
      const id = idOf(token);
      // An unknown character waits for those that it is fused with; bytes do not end its wait. So it is in Rust.
      const bytes = id === undefined ? bytesOf(token) : undefined;
      if (bytes !== undefined) ids.push(...bytes);
      else {
        if (id !== undefined || !fuses) giveUnknown();
        if (id === undefined) waiting = true;
        else ids.push(id);
      }
    }
    giveUnknown();
    return Int32Array.from(ids);
  };
}

const encoder = new TextEncoder();

/** A text as byte tokens; undefined unless each of its bytes has one. */
export function byteIds(idOf: Vocabulary["idOf"]): (text: string) => readonly number[] | undefined {
  const tokens = Array.from({ length: 256 }, (_, byte) => idOf(byteToken(byte)));
  return (text) => {
    const ids = Array.from(encoder.encode(text), (byte) => tokens[byte]);
    return ids.includes(undefined) ? undefined : (ids as number[]);
  };
}
