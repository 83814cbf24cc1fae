/** Counts the n-grams of a token stream (paper, section 3.2): all orders from 1 to N in one pass. */
import { DynamoError } from "@dynamo/core";
import { checkOptions, checkValue, describeValue, required, whole, type OptionChecks } from "@dynamo/core/options";
import { pairCounter, type PairCounter } from "./hash-counter.js";
import { maskOver, type CooccurrenceMask } from "./mask.js";
import { tokenList } from "./token-list.js";
import { buildLevel, type Level } from "./trie.js";

/** The longest n-grams that are counted, in tokens. */
export const maxOrder = 4;

/** Counts the n-grams of token streams. */
export interface NgramCounter {
  /** Tokens of one document, or of a piece of one: the next call goes on where this one ended. */
  add(tokens: ArrayLike<number>): void;
  /**
   * N-grams never cross a document's end. `ends`: tokens of which any may end it, such as a model's end-of-text ids; each is
   * counted right behind the last token. Default none.
   */
  endDocument(ends?: ArrayLike<number>): void;
  /** Tokens counted so far. */
  readonly tokens: number;
  /** The mask of all n-grams of order 2 and more that were seen at least `minCount` times; default 1. */
  finish(options?: FinishOptions): CooccurrenceMask;
}

/** Options of a counter. */
export interface NgramCounterOptions {
  /** The longest n-grams that are counted, 1 to 4 tokens. */
  readonly order: number;
  /** Token ids run from 0 to this, at most 2^24. */
  readonly vocabularySize: number;
}

/** Options of a counter's `finish`. */
export interface FinishOptions {
  readonly minCount?: number | undefined;
}

const counterChecks: OptionChecks<NgramCounterOptions> = {
  order: required(whole(1, maxOrder)),
  vocabularySize: required(whole(1, 2 ** 24)),
};
const finishChecks: OptionChecks<FinishOptions> = { minCount: whole(1) };

/** Throws `invalid-argument` for an order outside 1 to 4 and, in `add`, for ids outside the vocabulary. */
export function createNgramCounter(options: NgramCounterOptions): NgramCounter {
  checkOptions("createNgramCounter()", options, counterChecks);
  const { order, vocabularySize } = options;
  const unigrams = new Uint32Array(vocabularySize);
  const counters: PairCounter[] = Array.from({ length: order - 1 }, () => pairCounter());
  const totals = new Array<number>(order).fill(0);
  // places[i]: where the last i + 1 tokens stand in their table (for one token: its id); `depth` of them count.
  const places = new Uint32Array(order);
  let depth = 0;

  function count(token: number): void {
    if (!(token >= 0 && token < vocabularySize) || !Number.isInteger(token)) {
      throw new DynamoError(
        "invalid-argument",
        `token ids run from 0 to ${vocabularySize - 1}, received ${describeValue(token)}`,
      );
    }
    // From the longest n-gram down: each needs the place of the prefix before this token moves it.
    for (let n = Math.min(depth + 1, order); n >= 2; n--) {
      places[n - 1] = (counters[n - 2] as PairCounter).add(places[n - 2] as number, token);
      totals[n - 1] = (totals[n - 1] as number) + 1;
    }
    places[0] = token;
    unigrams[token] = (unigrams[token] as number) + 1;
    totals[0] = (totals[0] as number) + 1;
    if (depth < order) depth++;
  }

  return {
    get tokens() {
      return totals[0] as number;
    },
    add(tokens) {
      checkValue("tokens", tokens, tokenList);
      for (let i = 0; i < tokens.length; i++) count(tokens[i] as number);
    },
    endDocument(ends = []) {
      checkValue("ends", ends, tokenList);
      const [last, deep] = [places.slice(), depth];
      for (let i = 0; i < ends.length; i++) {
        count(ends[i] as number);
        // None of them stands behind another.
        places.set(last);
        depth = deep;
      }
      depth = 0;
    },
    finish(given = {}) {
      checkOptions("finish()", given, finishChecks);
      const { minCount = 1 } = given;
      const levels: Level[] = [];
      let rankOf = (place: number): number => place;
      let parents = vocabularySize;
      for (const counter of counters) {
        const ngrams = { size: counter.size, parent: counter.first, token: counter.second, count: counter.count };
        const built = buildLevel(ngrams, rankOf, parents, vocabularySize, minCount);
        levels.push(built.level);
        rankOf = built.rankOf;
        parents = built.level.ids.length;
      }
      return maskOver({ vocabularySize, unigrams: unigrams.slice(), levels, totals: [...totals], minCount });
    },
  };
}
