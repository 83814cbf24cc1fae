/** Text to token ids: added tokens, normaliser, pre-tokeniser, model. */
import { checkOptions, checkValue, oneOf, text as anyText, valueCheck } from "@dynamo/core/options";
import { addedTokenFinder } from "./added-tokens.js";
import type { AddedToken } from "./files.js";
import type { Model } from "./model.js";
import type { Normalizer } from "./normalizers.js";
import type { PreTokenizer } from "./pre-tokenizers.js";

export interface Parts {
  readonly added: readonly AddedToken[];
  readonly normalizer: Normalizer | undefined;
  readonly preTokenizer: PreTokenizer;
  readonly model: Model;
}

/** Options of encoding. */
export interface EncodeOptions {
  /**
   * `"recognise"` (default): special tokens that stand in the text become their ids. `"text"`: they are text like any other,
   * as in what a stranger wrote. Added tokens that are not special are recognised always.
   */
  readonly specialTokens?: "recognise" | "text" | undefined;
  /** From `markSpecial`: a character that is no part of the text, and stands within a special token's text that is to stay text. */
  readonly mark?: string | undefined;
}

function checkEncode(text: unknown, options: EncodeOptions = {}): void {
  checkValue("text", text, anyText);
  checkOptions<EncodeOptions>("encode()", options, {
    specialTokens: oneOf("recognise", "text"),
    mark: valueCheck<string>(
      "a mark of markSpecial()",
      (mark) => typeof mark === "string" && /^[\uFDD0-\uFDEF]$/.test(mark),
    ),
  });
}

/** Text to token ids. */
export type Encode = (text: string, options?: EncodeOptions) => Int32Array;

/** A special token's text as a normaliser leaves it. */
export const normalizedContent = ({ content, normalized }: AddedToken, normalizer: Normalizer | undefined): string =>
  normalized && normalizer !== undefined ? normalizer({ text: content, moved: false }).text : content;

export function encoderOf({ added, normalizer, preTokenizer, model }: Parts): Encode {
  const findAsWritten = addedTokenFinder(
    added.filter(({ normalized }) => !normalized).map((token) => [token.content, token]),
  );
  const findNormalized = addedTokenFinder(
    added.filter(({ normalized }) => normalized).map((token) => [normalizedContent(token, normalizer), token]),
  );

  const normalize: Normalizer = normalizer ?? ((unchanged) => unchanged);

  return (text, options) => {
    if (typeof text !== "string" || options !== undefined) checkEncode(text, options);
    const { specialTokens = "recognise", mark } = options ?? {};
    const ids: number[] = [];
    const push = (id: number): void => void ids.push(id);
    const isText = ({ special }: AddedToken): boolean => special && specialTokens === "text";
    /** A token of a single character has no place within for a mark: two behind it say the same. */
    const isMarked = (token: AddedToken, marked: string, end: number): boolean =>
      mark !== undefined && token.special && marked.startsWith(mark + mark, end);

    /** Text between the tokens that are searched for as written. */
    const encodeSection = (marked: string, first: boolean): void => {
      const section = mark === undefined ? marked : marked.replaceAll(mark, "");
      const { text: normalized, moved } = normalize({ text: section, moved: false });
      const isCut =
        section === marked || mark === undefined
          ? () => false
          : cutsOf(
              normalize({ text: marked, moved: false }).text,
              normalize({ text: mark, moved: false }).text,
              normalized,
            );
      const sections = findNormalized(
        normalized,
        (token, start, end) => isText(token) || (token.special && isCut(start, end)),
      );
      for (const { token, start, end } of sections) {
        if (token !== undefined) push(token.id);
        else {
          const piece = { text: normalized.slice(start, end), first: first && !moved && start === 0 };
          for (const word of preTokenizer([piece])) if (word.text !== "") model.encode(word.text, push);
        }
      }
    };

    const whole = text.replace(loneSurrogates, "\uFFFD");
    for (const { token, start, end } of findAsWritten(
      whole,
      (found, _start, stop) => isText(found) || isMarked(found, whole, stop),
    )) {
      if (token === undefined) encodeSection(whole.slice(start, end), start === 0);
      else push(token.id);
    }
    return Int32Array.from(ids);
  };
}

/** Half a surrogate pair is no character, and has no bytes. */
const loneSurrogates = /\p{Cs}/gu;

/**
 * Whether a mark stands within a stretch of the normalised text. Where marks change what a normaliser does their places are not
 * known, and every stretch counts as marked: rather text than a token.
 */
function cutsOf(marked: string, mark: string, normalized: string): (start: number, end: number) => boolean {
  const parts = marked.split(mark);
  if (parts.join("") !== normalized) return () => true;
  let at = 0;
  const cuts = parts.slice(0, -1).map((part) => (at += part.length));
  return (start, end) => {
    let [low, high] = [0, cuts.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((cuts[middle] as number) <= start) low = middle + 1;
      else high = middle;
    }
    return low < cuts.length && (cuts[low] as number) < end;
  };
}
