/** For the contract suite: small models of random logits, and one that contradicts every draft. */
import type { Candidates, ConditionalCandidates, GenerationDefaults, LanguageModel } from "@dynamo/core";
import { tableModel } from "@dynamo/core/testing";
import { createRandom } from "./random.js";

const [heads, vocabularySize] = [3, 40];

/** A model of random logits: three heads, 40 tokens, token 0 ends a text. */
export function randomModel(seed: number, generation: GenerationDefaults = {}): LanguageModel {
  const random = createRandom(seed);
  return modelOf((id) => (id === 0 ? -4 : 6 * random() - 3), generation);
}

/** The tokens that a text of `fewTokensModel` has. */
export const fewTokens: readonly number[] = [5, 6, 7];

/** As `randomModel`, but a text has three tokens only: few enough to know how likely each text is. */
export function fewTokensModel(seed: number, generation: GenerationDefaults): LanguageModel {
  const random = createRandom(seed);
  return modelOf((id) => (fewTokens.includes(id) ? 5 * random() : -60), generation);
}

function modelOf(logit: (id: number) => number, generation: GenerationDefaults): LanguageModel {
  const table = Array.from({ length: heads }, () =>
    Array.from({ length: vocabularySize }, () => Float32Array.from({ length: vocabularySize }, (_, id) => logit(id))),
  );
  const model = tableModel({ table, contextLength: 64, endOfTextIds: [0] });
  return { ...model, info: { ...model.info, generation } };
}

/** The model, but head 1 never gives a draft that it is fed: whoever looks accepts none. */
export function contradicting(model: LanguageModel): LanguageModel {
  return {
    ...model,
    async forward(cache, feeds, options) {
      const result = await model.forward(cache, feeds, { ...options, topK: options.topK + 1 });
      const candidates = result.candidates.map((positions, row) => {
        const { tokens = [], positions: asked = 1 } = feeds[row] ?? {};
        return positions.map((all, position) => {
          const draft = position < asked - 1 ? tokens[tokens.length - asked + 1 + position] : undefined;
          return all.map((head, i) => without(head, i === 0 ? draft : undefined, options.topK));
        });
      });
      return { ...result, candidates };
    },
  };
}

function without({ ids, logits, logSumExp }: Candidates, token: number | undefined, topK: number): Candidates {
  const kept = [...ids.keys()].filter((rank) => ids[rank] !== token).slice(0, topK);
  return {
    ids: Int32Array.from(kept, (rank) => ids[rank] as number),
    logits: Float32Array.from(kept, (rank) => logits[rank] as number),
    logSumExp,
  };
}

/** What tokens between add to a token's logit: any fixed function of them. */
const anything = (between: ArrayLike<number>, id: number): number =>
  Array.from(between).reduce((sum, token, j) => sum + 2 * Math.sin(3 * token + 5 * id + 7 * j), 0);

/** The model with conditional parts, which add `added` to later heads' logits. */
export function withConditionalParts(model: LanguageModel, added = anything): LanguageModel {
  const addBehind: ConditionalCandidates["addBehind"] = (between, ids, into) => {
    for (let i = 0; i < into.length; i++) into[i] = (into[i] as number) + added(between, ids?.[i] ?? i);
  };
  const conditioned = (all: Candidates, head: number, topK: number): Candidates => {
    const own = { ...all, ids: all.ids.subarray(0, topK), logits: all.logits.subarray(0, topK) };
    return head === 0 ? own : { ...own, conditional: { ids: all.ids, logits: all.logits, addBehind } };
  };
  return {
    ...model,
    async forward(cache, feeds, options) {
      const result = await model.forward(cache, feeds, { ...options, topK: model.info.vocabularySize });
      const candidates = result.candidates.map((positions) =>
        positions.map((all) => all.map((head, i) => conditioned(head, i, options.topK))),
      );
      return { ...result, candidates };
    },
  };
}
