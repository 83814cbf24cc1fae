/** Splitting a text at the matches of a pattern, in the five ways that tokenizer.json knows. */
import type { FindMatches } from "./pattern.js";

export const splitBehaviours = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"] as const;
export type SplitBehaviour = (typeof splitBehaviours)[number];

interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly matches: boolean;
}

/** A part of a text that is kept, from `start` to `end`. */
export type Part = readonly [start: number, end: number];

/** `invert`: what the pattern does not match counts as matched. Empty parts are left out. */
export function splitParts(text: string, find: FindMatches, behaviour: SplitBehaviour, invert = false): Part[] {
  const stretches = stretchesOf(text, find(text), invert);
  return join(stretches, behaviour).filter(([start, end]) => end > start);
}

function stretchesOf(text: string, found: readonly number[], invert: boolean): Stretch[] {
  const stretches: Stretch[] = [];
  let last = 0;
  for (let i = 0; i < found.length; i += 2) {
    const [start, end] = [found[i] as number, found[i + 1] as number];
    if (start !== last) stretches.push({ start: last, end: start, matches: invert });
    stretches.push({ start, end, matches: !invert });
    last = end;
  }
  if (last !== text.length) stretches.push({ start: last, end: text.length, matches: invert });
  return stretches;
}

function join(stretches: readonly Stretch[], behaviour: SplitBehaviour): Part[] {
  switch (behaviour) {
    case "Removed":
      return stretches.filter(({ matches }) => !matches).map(({ start, end }) => [start, end]);
    case "Isolated":
      return stretches.map(({ start, end }) => [start, end]);
    case "Contiguous":
      return merged(stretches, (matches, before) => matches === before);
    case "MergedWithPrevious":
      return merged(stretches, (matches, before) => matches && !before);
    case "MergedWithNext":
      return merged(stretches.toReversed(), (matches, before) => matches && !before).reverse();
  }
}

/** Joins each stretch to the part before it where `joins` says so; the stretch before the first counts as no match. */
function merged(stretches: readonly Stretch[], joins: (matches: boolean, before: boolean) => boolean): Part[] {
  const parts: Part[] = [];
  let before = false;
  for (const { start, end, matches } of stretches) {
    const last = joins(matches, before) ? parts.pop() : undefined;
    parts.push(last === undefined ? [start, end] : [Math.min(start, last[0]), Math.max(end, last[1])]);
    before = matches;
  }
  return parts;
}
