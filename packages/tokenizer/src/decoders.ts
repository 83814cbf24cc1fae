/**
 * Decoders of tokenizer.json: tokens to text, as stages that are fed one token after the other. Decoding a whole text and
 * streaming it run the same stages, so that they cannot differ.
 */
import { byteLevelBytes } from "./byte-level.js";
import { byteFallbackStage } from "./byte-fallback.js";
import { patternOf, replaceMatches } from "./pattern.js";
import { settingsOf, unknownType, type Settings, type Translate } from "./settings.js";
import type { Decoder, Sink, Stage } from "./stage.js";

const plain = (push: Sink): Stage => ({ push, end: () => undefined });

const perToken = (type: string, change: (token: string) => string): Decoder => ({
  type,
  fuses: false,
  takesPieces: false,
  stage: (sink) => plain((token) => sink(change(token))),
});

/** Changes every token, and the first one otherwise than the rest. */
const perPlace = (type: string, change: (token: string, isFirst: boolean) => string): Decoder => ({
  type,
  fuses: false,
  takesPieces: false,
  stage: (sink, { within }) => {
    let isFirst = !within;
    return plain((token) => {
      const changed = change(token, isFirst);
      isFirst = false;
      sink(changed);
    });
  },
});

/** Without a decoder tokens are words. */
export const spacedWords: Decoder = perPlace("none", (token, isFirst) => (isFirst ? token : ` ${token}`));

const makers: Readonly<Record<string, (settings: Settings) => readonly Decoder[]>> = {
  Sequence: (settings) => settings.list("decoders").flatMap(decodersOf),
  ByteLevel: () => [byteLevel()],
  ByteFallback: () => [{ type: "ByteFallback", fuses: false, takesPieces: false, stage: byteFallbackStage }],
  Fuse: () => [{ type: "Fuse", fuses: true, takesPieces: true, stage: plain }],
  Metaspace: (settings) => [metaspace(settings)],
  Replace: (settings) => [replace(settings)],
  Strip: (settings) => [strip(settings.character("content"), settings.whole("start", 0), settings.whole("stop", 0))],
  WordPiece: (settings) => [wordPiece(settings.text("prefix", "##"), settings.flag("cleanup", true))],
  BPEDecoder: (settings) => [wordEnds(settings.text("suffix", "</w>"))],
  CTC: (settings) => [ctc(settings)],
};

/** Throws `unsupported` for a decoder that is not known, `invalid-file` for settings that it cannot have. */
export function decodersOf(settings: Settings): readonly Decoder[] {
  const make = Object.hasOwn(makers, settings.type) ? makers[settings.type] : undefined;
  return make === undefined ? unknownType(settings, Object.keys(makers)) : make(settings);
}

/** The file's decoder, flattened to its stages. */
export const readDecoder = (json: unknown, translate: Translate): readonly Decoder[] =>
  json === undefined || json === null ? [spacedWords] : decodersOf(settingsOf(json, "decoder", translate));

/** All bytes through one UTF-8 decoder, which holds at most three back. */
function byteLevel(): Decoder {
  // Most tokens are whole characters: their text is known.
  const textOf = new Map<string, string | undefined>();
  const wholeText = (token: string): string | undefined => {
    if (!textOf.has(token)) textOf.set(token, wholeCharacters(byteLevelBytes(token)));
    return textOf.get(token);
  };
  const stage = (sink: Sink): Stage => {
    const decoder = new TextDecoder("utf-8", utf8);
    let open = false;
    return {
      push(token) {
        const text = wholeText(token);
        if (text !== undefined && !open) sink(text);
        else {
          sink(decoder.decode(byteLevelBytes(token), { stream: true }));
          open = text === undefined;
        }
      },
      end: () => sink(decoder.decode()),
    };
  };
  return { type: "ByteLevel", fuses: true, takesPieces: false, stage };
}

/** Byte order marks are text like any other here. */
const utf8 = { ignoreBOM: true };

function wholeCharacters(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { ...utf8, fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function metaspace(settings: Settings): Decoder {
  const replacement = settings.character("replacement");
  const prepends = prependScheme(settings) !== "never";
  return perPlace("Metaspace", (token, isFirst) => token.replaceAll(replacement, isFirst && prepends ? "" : " "));
}

export type PrependScheme = "first" | "never" | "always";

/** `add_prefix_space` is its older name. */
export function prependScheme(settings: Settings): PrependScheme {
  const scheme = settings.oneOf("prepend_scheme", ["first", "never", "always"], "always");
  return settings.get("add_prefix_space") === false ? "never" : scheme;
}

function replace(settings: Settings): Decoder {
  const { find, literal } = patternOf(settings);
  const content = settings.text("content");
  const change = (token: string): string => replaceMatches(token, find(token), content);
  // A single character is found in pieces as in the whole.
  return { ...perToken("Replace", change), takesPieces: literal?.length === 1 };
}

/** At most `start` and `stop` times the character from a token's ends; of pieces, from the whole's. */
function strip(character: string, start: number, stop: number): Decoder {
  const stage = (sink: Sink, within: boolean): Stage => {
    let left = within ? 0 : start;
    let held = "";
    return {
      push(piece) {
        let text = held + piece;
        while (left > 0 && text.startsWith(character)) {
          text = text.slice(character.length);
          left--;
        }
        if (text !== "") left = 0;
        let tail = text.length;
        for (let i = 0; i < stop && !within && text.endsWith(character, tail); i++) tail -= character.length;
        held = text.slice(tail);
        sink(text.slice(0, tail));
      },
      end: () => undefined,
    };
  };
  return {
    type: "Strip",
    fuses: false,
    takesPieces: true,
    stage: (sink, { fused, within }) =>
      fused ? stage(sink, within) : plain((token) => stage(sink, false).push(token)),
  };
}

function wordPiece(prefix: string, cleans: boolean): Decoder {
  return perPlace("WordPiece", (token, isFirst) => {
    const spaced = isFirst ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
    return cleans ? cleanUp(spaced) : spaced;
  });
}

const cleanings: readonly (readonly [string, string])[] = [
  [" .", "."],
  [" ?", "?"],
  [" !", "!"],
  [" ,", ","],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" do not", " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

/** Spaces that tokens put before English punctuation. */
const cleanUp = (text: string): string => cleanings.reduce((cleaned, [from, to]) => cleaned.replaceAll(from, to), text);

/** A suffix ends a word: a space, except at the text's end. */
function wordEnds(suffix: string): Decoder {
  return {
    type: "BPEDecoder",
    fuses: false,
    takesPieces: false,
    stage: (sink, { last, within }) => {
      let held: string | undefined;
      return {
        push(token) {
          if (held !== undefined) sink(held.replaceAll(suffix, " "));
          // The text before the suffix is complete; stages behind this one want their tokens whole.
          const at = last && suffix !== "" ? token.indexOf(suffix) : 0;
          if (last) sink(at < 0 ? token : token.slice(0, at));
          held = at < 0 ? undefined : token.slice(at);
        },
        end() {
          if (held !== undefined) sink(held.replaceAll(suffix, within ? " " : ""));
        },
      };
    },
  };
}

/** Speech models repeat a token while its sound lasts. */
function ctc(settings: Settings): Decoder {
  const pad = settings.text("pad_token", "<pad>");
  const delimiter = settings.text("word_delimiter_token", "|");
  const cleans = settings.flag("cleanup", true);
  return {
    type: "CTC",
    fuses: false,
    takesPieces: false,
    stage: (sink) => {
      let before: string | undefined;
      return plain((token) => {
        if (token === before) return;
        before = token;
        const rest = token.replaceAll(pad, "");
        const text = cleans ? cleanUp(rest).replaceAll(delimiter, " ") : rest;
        if (text !== "") sink(text);
      });
    },
  };
}
