/** Normalisers of tokenizer.json. */
import { byteLevelText } from "./byte-level.js";
import { leadingSpace, trailingSpace, whitespace } from "./characters.js";
import { patternOf, replaceMatches } from "./pattern.js";
import { precompiled } from "./precompiled.js";
import { settingsOf, unknownType, type Settings, type Translate } from "./settings.js";

/** A text on its way through the normalisers. */
export interface Normalized {
  readonly text: string;
  /** Whether characters at its beginning are gone: what it begins with now is not what it began with. */
  readonly moved: boolean;
}

type Change = (text: string) => string;
export type Normalizer = (normalized: Normalized) => Normalized;

/** Changes that take no character from the beginning. */
const inPlace =
  (change: Change): Normalizer =>
  ({ text, moved }) => ({ text: change(text), moved });

const makers: Readonly<Record<string, (settings: Settings) => Normalizer>> = {
  Sequence(settings) {
    const parts = settings.list("normalizers").map(normalizerOf);
    return (normalized) => parts.reduce((done, part) => part(done), normalized);
  },
  NFC: () => inPlace((text) => text.normalize("NFC")),
  NFD: () => inPlace((text) => text.normalize("NFD")),
  NFKC: () => inPlace((text) => text.normalize("NFKC")),
  NFKD: () => inPlace((text) => text.normalize("NFKD")),
  Lowercase: () => inPlace(lowercase),
  StripAccents: () => without(/\p{M}/u),
  Strip: (settings) => strip(settings.flag("strip_left"), settings.flag("strip_right")),
  Prepend(settings) {
    const prefix = settings.text("prepend");
    return inPlace((text) => (text === "" ? "" : prefix + text));
  },
  Replace: replace,
  ByteLevel: () => inPlace(byteLevelText),
  BertNormalizer: bert,
  Nmt: () => (normalized) => spaces(nmtControls(normalized)),
  Precompiled: (settings) => inPlace(precompiled(settings)),
};

/** Throws `unsupported` for a normaliser that is not known, `invalid-file` for settings that it cannot have. */
function normalizerOf(settings: Settings): Normalizer {
  const make = Object.hasOwn(makers, settings.type) ? makers[settings.type] : undefined;
  return make === undefined ? unknownType(settings, Object.keys(makers)) : make(settings);
}

/** Undefined for a file without one. */
export const readNormalizer = (json: unknown, translate: Translate): Normalizer | undefined =>
  json === undefined || json === null ? undefined : normalizerOf(settingsOf(json, "normalizer", translate));

/** Character by character: JavaScript's whole texts have another sigma at the ends of words. */
const lowercase: Change = (text) =>
  text.includes("Σ") ? Array.from(text, (character) => character.toLowerCase()).join("") : text.toLowerCase();

/** Leaves characters out. */
function without(unwanted: RegExp): Normalizer {
  const all = new RegExp(unwanted.source, "gu");
  const first = new RegExp(`^(?:${unwanted.source})`, "u");
  return ({ text, moved }) => ({ text: text.replace(all, ""), moved: moved || first.test(text) });
}

function strip(left: boolean, right: boolean): Normalizer {
  return ({ text, moved }) => {
    const start = left ? leadingSpace(text) : 0;
    const end = right ? Math.max(start, trailingSpace(text)) : text.length;
    return { text: text.slice(start, end), moved: moved || start > 0 };
  };
}

function replace(settings: Settings): Normalizer {
  const { find } = patternOf(settings);
  const content = settings.text("content");
  return ({ text, moved }) => {
    const matches = find(text);
    const [start, end = 0] = matches;
    // What stands for several characters counts as the last one's.
    const takes = start === 0 && end > (content === "" ? 0 : (text.codePointAt(0) ?? 0) > 0xffff ? 2 : 1);
    return { text: replaceMatches(text, matches, content), moved: moved || takes };
  };
}

function bert(settings: Settings): Normalizer {
  const lower = settings.flag("lowercase", true);
  const accents = settings.get("strip_accents");
  const stripsAccents = typeof accents === "boolean" ? accents : lower;
  const steps: Normalizer[] = [
    ...(settings.flag("clean_text", true) ? [controls, inPlace((text) => text.replace(allWhitespace, " "))] : []),
    ...(settings.flag("handle_chinese_chars", true) ? [inPlace((text) => text.replace(chinese, " $& "))] : []),
    ...(stripsAccents ? [inPlace((text) => text.normalize("NFD")), without(/\p{Mn}/u)] : []),
    ...(lower ? [inPlace(lowercase)] : []),
  ];
  return (normalized) => steps.reduce((done, step) => step(done), normalized);
}

const allWhitespace = new RegExp(whitespace.source, "gu");
const controls = without(/(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\uFFFD]/u);
const chinese =
  /[\u{4E00}-\u{9FFF}\u{3400}-\u{4DBF}\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\u{F900}-\u{FAFF}\u{2F800}-\u{2FA1F}]/gu;

// eslint-disable-next-line no-control-regex -- control characters are what it is about
const nmtControls = without(/[\u0001-\u0008\u000B\u000E-\u001F\u007F\u008F\u009F]/u);
const spaces = inPlace((text) => text.replace(/[\t\n\f\r\u1680\u200B-\u200F\u2028\u2029\u2581\uFEFF\uFFFD]/gu, " "));
