/**
 * A text's suffix automaton (Blumer et al. 1985, "The smallest automaton recognizing the subwords of a text"), grown token by token: where the
 * text's end stood before, and what followed it there, in constant time a token.
 */

/** A continuation that the text has had before. */
export interface Followed {
  readonly token: number;
  /** How many of the last tokens stood before it there too, as far as is known: at least 1. */
  readonly length: number;
}

/** A text that is looked up in itself. */
export interface SuffixIndex {
  push(token: number): void;
  /** What followed the longest part of the end, `more` behind it, that stood in the text before; undefined where nothing of it did. */
  after(more: readonly number[]): Followed | undefined;
}

/** A token that no text has: what stands before it is no beginning of what stands behind. */
export const between = -1;

const root = 0;
const none = -1;

/** All strings of the text that end at the same places. */
interface State {
  /** Of the longest of them. */
  length: number;
  /** The state of its longest suffix that ends at more places. */
  link: number;
  /** Where one of them ended last, as far as is known. */
  end: number;
  readonly next: Map<number, number>;
}

export function suffixIndex(): SuffixIndex {
  const text: number[] = [];
  const states: State[] = [{ length: 0, link: none, end: none, next: new Map() }];
  let last = root;

  const at = (state: number): State => states[state] as State;

  function add(length: number, link: number, end: number, next: Map<number, number>): number {
    return states.push({ length, link, end, next }) - 1;
  }

  /** The state that strings which end in `token` behind this one's link to. */
  function linkOf(from: number, token: number): number {
    const next = at(from).next.get(token) as number;
    const length = at(from).length + 1;
    if (at(next).length === length) return next;
    const clone = add(length, at(next).link, at(next).end, new Map(at(next).next));
    for (let state = from; state !== none && at(state).next.get(token) === next; state = at(state).link)
      at(state).next.set(token, clone);
    at(next).link = clone;
    return clone;
  }

  return {
    push(token) {
      // What was found before at an earlier place has come again here.
      const found = at(last).link;
      if (found !== none) at(found).end = text.length - 1;
      text.push(token);
      const own = add(at(last).length + 1, root, text.length - 1, new Map());
      let state = last;
      for (; state !== none && !at(state).next.has(token); state = at(state).link) at(state).next.set(token, own);
      if (state !== none) at(own).link = linkOf(state, token);
      last = own;
    },
    after(more) {
      let state = Math.max(root, at(last).link);
      let length = at(state).length;
      for (const token of more) {
        while (state !== root && !at(state).next.has(token)) {
          state = at(state).link;
          length = at(state).length;
        }
        const next = at(state).next.get(token);
        state = next ?? root;
        length = next === undefined ? 0 : length + 1;
      }
      if (length === 0) return undefined;
      const token = text[at(state).end + 1];
      return token === undefined || token === between ? undefined : { token, length };
    },
  };
}
