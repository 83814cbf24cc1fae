/** Finds added tokens, such as `<|endoftext|>`, in a text. */
import { endsWithWord, leadingSpace, startsWithWord, trailingSpace } from "./characters.js";
import type { AddedToken } from "./files.js";

/** A stretch of a text: an added token, or text without one. */
export interface Section {
  readonly token: AddedToken | undefined;
  readonly start: number;
  readonly end: number;
}

/** `isText`: whether a token that was found is text after all. */
export type FindAdded = (text: string, isText: (token: AddedToken, start: number, end: number) => boolean) => Section[];

/** Every token with what is searched for: its content, or its normalised content. */
export function addedTokenFinder(tokens: readonly (readonly [content: string, token: AddedToken])[]): FindAdded {
  const ofContent = new Map(tokens.filter(([content]) => content !== ""));
  const longestFirst = lengthsByFirst([...ofContent.keys()]);
  const candidates = startsOf([...longestFirst.keys()]);

  /** The leftmost, of those the longest, from `from` on. */
  function next(text: string, from: number): Section | undefined {
    candidates.lastIndex = from;
    for (let match = candidates.exec(text); match !== null; match = candidates.exec(text)) {
      const start = match.index;
      for (const length of longestFirst.get(text.charAt(start)) ?? []) {
        const token = ofContent.get(text.slice(start, start + length));
        if (token !== undefined && start + length <= text.length) return { token, start, end: start + length };
      }
    }
    return undefined;
  }

  return (text, isText) => {
    const sections: Section[] = [];
    let last = 0;
    const give = (section: Section): void => {
      if (section.end > section.start) sections.push(section);
    };
    for (
      let found = ofContent.size === 0 ? undefined : next(text, 0);
      found !== undefined;
      found = next(text, found.end)
    ) {
      const { token, start, end } = found as Section & { token: AddedToken };
      if (isText(token, start, end)) continue;
      if (token.singleWord && (endsWithWord(text.slice(0, start)) || startsWithWord(text.slice(end)))) continue;
      const from = token.stripsLeft ? Math.max(trailingSpace(text.slice(0, start)), last) : start;
      const to = token.stripsRight ? end + leadingSpace(text.slice(end)) : end;
      give({ token: undefined, start: last, end: from });
      give({ token, start: from, end: to });
      last = to;
    }
    give({ token: undefined, start: last, end: text.length });
    return sections;
  };
}

/** For every character that a token begins with, the lengths of such tokens, the longest first. */
function lengthsByFirst(contents: readonly string[]): ReadonlyMap<string, readonly number[]> {
  const sets = new Map<string, Set<number>>();
  for (const content of contents) {
    const first = content.charAt(0);
    sets.set(first, (sets.get(first) ?? new Set()).add(content.length));
  }
  return new Map(Array.from(sets, ([first, lengths]) => [first, [...lengths].sort((a, b) => b - a)]));
}

/** Places where a token can begin. */
function startsOf(characters: readonly string[]): RegExp {
  const codes = characters.map((each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return new RegExp(`[${codes.join("")}]`, "g");
}
