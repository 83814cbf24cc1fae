/** Pre-tokenisers of tokenizer.json: a text to the words that the model sees. */
import { DynamoError } from "@dynamo/core";
import { byteLevelText } from "./byte-level.js";
import { numeric, punctuation, whitespace, wordsAndSigns } from "./characters.js";
import { prependScheme } from "./decoders.js";
import { findRegex, patternOf, type FindMatches } from "./pattern.js";
import { settingsOf, unknownType, type Settings, type Translate } from "./settings.js";
import { splitBehaviours, splitParts, type SplitBehaviour } from "./split.js";

/** A piece of a text. */
export interface Piece {
  readonly text: string;
  /** Whether the whole text begins with it. */
  readonly first: boolean;
}

export type PreTokenizer = (pieces: readonly Piece[]) => readonly Piece[];

const makers: Readonly<Record<string, (settings: Settings) => PreTokenizer>> = {
  Sequence(settings) {
    const parts = settings.list("pretokenizers").map(preTokenizerOf);
    return (pieces) => parts.reduce((done, part) => part(done), pieces);
  },
  ByteLevel: byteLevel,
  Metaspace: metaspace,
  Split(settings) {
    const { find } = patternOf(settings);
    return splitter(find, settings.oneOf("behavior", splitBehaviours), settings.flag("invert"));
  },
  Whitespace: () => splitter((text) => findRegex(text, wordsAndSigns), "Removed", true),
  WhitespaceSplit: () => splitter(findCharacters(whitespace), "Removed"),
  Punctuation: (settings) =>
    splitter(findCharacters(punctuation), settings.oneOf("behavior", splitBehaviours, "Isolated")),
  Digits: (settings) =>
    splitter(findCharacters(numeric), settings.flag("individual_digits") ? "Isolated" : "Contiguous"),
  BertPreTokenizer() {
    const words = splitter(findCharacters(whitespace), "Removed");
    const signs = splitter(findCharacters(punctuation), "Isolated");
    return (pieces) => signs(words(pieces));
  },
  CharDelimiterSplit(settings) {
    const delimiter = settings.character("delimiter");
    return splitter((text) => findAll(text, delimiter), "Removed");
  },
  FixedLength: fixedLength,
  UnicodeScripts({ place }) {
    throw new DynamoError(
      "unsupported",
      `tokenizer.json: ${place}: UnicodeScripts is not supported: JavaScript has no table of Unicode's scripts`,
    );
  },
};

/** Throws `unsupported` for a pre-tokeniser that is not known, `invalid-file` for settings that it cannot have. */
function preTokenizerOf(settings: Settings): PreTokenizer {
  const make = Object.hasOwn(makers, settings.type) ? makers[settings.type] : undefined;
  return make === undefined ? unknownType(settings, Object.keys(makers)) : make(settings);
}

export const readPreTokenizer = (json: unknown, translate: Translate): PreTokenizer =>
  json === undefined || json === null
    ? (pieces) => pieces
    : preTokenizerOf(settingsOf(json, "pre_tokenizer", translate));

const splitter =
  (find: FindMatches, behaviour: SplitBehaviour, invert = false): PreTokenizer =>
  (pieces) =>
    pieces.flatMap(({ text, first }) =>
      splitParts(text, find, behaviour, invert).map(([start, end]) => ({
        text: text.slice(start, end),
        first: first && start === 0,
      })),
    );

/** Every character of a class is a match of its own. */
function findCharacters({ source }: RegExp): FindMatches {
  const regex = new RegExp(source, "gu");
  return (text) => findRegex(text, regex);
}

function findAll(text: string, character: string): number[] {
  const found: number[] = [];
  for (let at = text.indexOf(character); at >= 0; at = text.indexOf(character, at + character.length))
    found.push(at, at + character.length);
  return found;
}

/** GPT-2's words. */
const words =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

function byteLevel(settings: Settings): PreTokenizer {
  const spaceBefore = settings.flag("add_prefix_space", true);
  const split = settings.flag("use_regex", true)
    ? splitter((text) => findRegex(text, words), "Isolated")
    : (pieces: readonly Piece[]) => pieces;
  const spaced = ({ text, first }: Piece): Piece => ({ text: text.startsWith(" ") ? text : ` ${text}`, first });
  return (pieces) =>
    split(spaceBefore ? pieces.map(spaced) : pieces).map(({ text, first }) => ({ text: byteLevelText(text), first }));
}

function metaspace(settings: Settings): PreTokenizer {
  const replacement = settings.character("replacement");
  const scheme = prependScheme(settings);
  const split = settings.flag("split", true)
    ? splitter((text) => findAll(text, replacement), "MergedWithNext")
    : (pieces: readonly Piece[]) => pieces;
  return (pieces) =>
    split(
      pieces.map(({ text, first }) => {
        const replaced = text.replaceAll(" ", replacement);
        const prepends = (scheme === "always" || (scheme === "first" && first)) && !replaced.startsWith(replacement);
        return { text: prepends ? replacement + replaced : replaced, first };
      }),
    );
}

function fixedLength(settings: Settings): PreTokenizer {
  const length = settings.whole("length", 1, 5);
  return (pieces) =>
    pieces.flatMap(({ text, first }) => {
      const characters = Array.from(text);
      const parts: Piece[] = [];
      for (let at = 0; at < characters.length; at += length)
        parts.push({ text: characters.slice(at, at + length).join(""), first: first && at === 0 });
      return parts;
    });
}
