/** Fakes for tests: a language model whose logits come from a table, and a tokenizer of single characters. */
import type { Cooccurrence } from "./cooccurrence.js";
import { DynamoError } from "./errors.js";
import type {
  Candidates,
  Feed,
  ForwardOptions,
  ForwardResult,
  KvCache,
  LanguageModel,
  ModelInfo,
} from "./language-model.js";
import { tensor } from "./tensor.js";
import type { TextStream, Tokenizer } from "./tokenizer.js";

export { callWithEachPartWrong, callWithUnknownOptions, functionNames, settledOrRefused } from "./wrong-arguments.js";
export type { Place, PublicCall } from "./wrong-arguments.js";

/** Options of the fake model. */
export interface TableModelOptions {
  /** table[n][t]: head n + 1's logits after token t; each of the vocabulary's size. */
  readonly table: readonly (readonly ArrayLike<number>[])[];
  readonly contextLength?: number;
  readonly endOfTextIds?: readonly number[];
  readonly beginOfTextId?: number;
  readonly cooccurrence?: Cooccurrence;
}

/**
 * A model that knows only the last token: head n's logits are a row of a table. It keeps the same promises about its
 * cache as a real one, and counts its passes.
 */
export function tableModel(options: TableModelOptions): LanguageModel & { readonly passes: number } {
  const vocabularySize = options.table[0]?.length ?? 0;
  const info: ModelInfo = {
    vocabularySize,
    tokenHeads: options.table.length,
    untrainedHeads: [],
    contextLength: options.contextLength ?? 256,
    endOfTextIds: options.endOfTextIds ?? [],
    beginOfTextId: options.beginOfTextId,
    generation: {},
  };
  let passes = 0;
  const candidatesOf = rememberedCandidates(options.table);
  return {
    info,
    tokenizer: characterTokenizer(vocabularySize),
    cooccurrence: options.cooccurrence,
    get passes(): number {
      return passes;
    },
    createCache: ({ rows }) => Promise.resolve(fakeCache(rows)),
    forward(cache, feeds, forwardOptions) {
      passes++;
      return Promise.resolve().then(() =>
        forwardTable(options.table, candidatesOf, { info, cache, feeds }, forwardOptions),
      );
    },
    dispose: () => Promise.resolve(),
  };
}

function fakeCache(rows: number): KvCache & { lengths: number[] } {
  const lengths = new Array<number>(rows).fill(0);
  return {
    lengths,
    reachable: (_, length) => length,
    truncate(row, length) {
      if (length > (lengths[row] ?? -1))
        throw new DynamoError("invalid-argument", `row ${row} has no ${length} positions`);
      lengths[row] = length;
    },
    copyRow(from, to, length, source) {
      lengths[to] = length ?? (source?.lengths ?? lengths)[from] ?? 0;
      return Promise.resolve();
    },
    trim: () => Promise.resolve(),
    dispose: () => Promise.resolve(),
  };
}

/** A head's candidates after a token, sorted once: tests ask for the same ones thousands of times. */
function rememberedCandidates(
  table: TableModelOptions["table"],
): (head: number, token: number, topK: number) => Candidates {
  const sorted = new Map<string, Candidates>();
  return (head, token, topK) => {
    const key = `${head} ${token}`;
    let all = sorted.get(key);
    if (all === undefined) {
      const logits = Float32Array.from(table[head]?.[token] ?? []);
      if (logits.length === 0) throw new DynamoError("invalid-argument", `token ${token} is not in the vocabulary`);
      all = topCandidates(logits, logits.length);
      sorted.set(key, all);
    }
    // Copies: what a caller writes into them is its own.
    return { ids: all.ids.slice(0, topK), logits: all.logits.slice(0, topK), logSumExp: all.logSumExp };
  };
}

interface TablePass {
  readonly info: ModelInfo;
  readonly cache: KvCache;
  readonly feeds: readonly Feed[];
}

function forwardTable(
  table: TableModelOptions["table"],
  candidatesOf: ReturnType<typeof rememberedCandidates>,
  { info, cache, feeds }: TablePass,
  { heads, topK, logits }: ForwardOptions,
): ForwardResult {
  const lengths = cache.lengths as number[];
  const most = Math.max(...feeds.map((feed) => feed.positions ?? 1));
  const whole = logits === true ? tensor("float32", [feeds.length, most, heads, info.vocabularySize]) : undefined;
  const candidates = feeds.map((feed, row) => {
    const length = (lengths[row] ?? 0) + feed.tokens.length;
    if (length > info.contextLength) {
      throw new DynamoError(
        "invalid-argument",
        `the context has ${info.contextLength} positions, row ${row} needs ${length}`,
      );
    }
    lengths[row] = length;
    const positions = feed.positions ?? 1;
    return Array.from({ length: positions }, (_, position) => {
      const token = feed.tokens[feed.tokens.length - positions + position] ?? -1;
      return Array.from({ length: heads }, (_, head) => {
        const candidate = candidatesOf(head, token, topK);
        whole?.data.set(table[head]?.[token] ?? [], ((row * most + position) * heads + head) * info.vocabularySize);
        return candidate;
      });
    });
  });
  return { candidates, logits: whole };
}

/** The `topK` largest logits, descending, ties by lower id. */
export function topCandidates(logits: ArrayLike<number>, topK: number): Candidates {
  const ids = Int32Array.from({ length: logits.length }, (_, id) => id);
  const at = (id: number): number => logits[id] ?? -Infinity;
  ids.sort((a, b) => at(b) - at(a) || a - b);
  const top = ids.slice(0, topK);
  const max = at(top[0] ?? 0);
  let sum = 0;
  for (let id = 0; id < logits.length; id++) sum += Math.exp(at(id) - max);
  return { ids: top, logits: Float32Array.from(top, at), logSumExp: max + Math.log(sum) };
}

/** Token id = code point of the character, for tests. */
export function characterTokenizer(vocabularySize: number): Tokenizer {
  const decode = (ids: ArrayLike<number>): string => Array.from(ids, (id) => String.fromCodePoint(id)).join("");
  return {
    vocabularySize,
    encode: (text) => Int32Array.from(Array.from(text, (character) => character.codePointAt(0) ?? 0)),
    decode,
    stream: (): TextStream => ({ push: decode, flush: () => "" }),
  };
}
