/** Text to token ids: added tokens, normaliser, pre-tokeniser, model. */
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

export interface EncodeOptions {
  /**
   * `"recognise"` (default): special tokens that stand in the text become their ids. `"text"`: they are text like any other,
   * as in what a stranger wrote. Added tokens that are not special are recognised always.
   */
  readonly specialTokens?: "recognise" | "text" | undefined;
  /** A character that is no part of the text: it stands within a special token's text that is to stay text. */
  readonly mark?: string | undefined;
}

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

  return (text, { specialTokens = "recognise", mark } = {}) => {
    const ids: number[] = [];
    const push = (id: number): void => void ids.push(id);
    const isText = ({ special }: AddedToken): boolean => special && specialTokens === "text";

    /** Text between the tokens that are searched for as written. */
    const encodeSection = (marked: string, first: boolean): void => {
      const [section, cuts] = mark === undefined ? [marked, []] : unmark(marked, mark);
      const normalize = (part: string): string => normalizer?.({ text: part, moved: false }).text ?? part;
      const { text: normalized, moved } = normalizer?.({ text: section, moved: false }) ?? {
        text: section,
        moved: false,
      };
      const places = cuts.map((cut) => normalize(section.slice(0, cut)).length);
      const isCut = (start: number, end: number): boolean => places.some((place) => start < place && place < end);
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
    for (const { token, start, end } of findAsWritten(whole, isText)) {
      if (token === undefined) encodeSection(whole.slice(start, end), start === 0);
      else push(token.id);
    }
    return Int32Array.from(ids);
  };
}

/** Half a surrogate pair is no character, and has no bytes. */
const loneSurrogates = /\p{Cs}/gu;

/** A text without its marks, and where they stood in it. */
function unmark(marked: string, mark: string): [text: string, cuts: readonly number[]] {
  const parts = marked.split(mark);
  let at = 0;
  return [parts.join(""), parts.slice(0, -1).map((part) => (at += part.length))];
}
