/** One forward pass on the wire: what it emitted, and what its heads saw. */
import type { Candidates } from "@dynamo/core";
import {
  callback,
  checkOptions,
  checkValue,
  isPlainObject,
  required,
  text,
  valueCheck,
  whole,
  type OptionChecks,
} from "@dynamo/core/options";
import { array, int, number, object, string, type infer as Infer } from "zod";
import { check } from "./check.js";

/** Above what any model has, so that a hostile stream cannot fill a page's memory with one pass. */
const most = { heads: 16, positions: 16, candidates: 256, tokens: 256, text: 1000, id: 2 ** 31 - 1 } as const;

const finite = number();
const id = int().min(0).max(most.id);
const token = object({ id, text: string().max(most.text) });
const candidate = object({ ...token.shape, probability: number().min(0).max(1) });
const order = object({
  order: int().min(1).max(most.heads),
  /** ε_b^(order - 1). */
  threshold: finite,
  mass: finite,
  peak: finite,
  peakAfter: finite,
  otsu: finite.optional(),
  support: int().min(0),
});

/** The form of a pass. */
export const wirePass = object({
  /** Counted from 0. */
  index: int().min(0),
  order: int().min(0).max(most.tokens),
  /** The pass's wall time where it ran. */
  seconds: number().min(0),
  tokens: array(token).max(most.tokens),
  /** With `trace`, of strategies that draft: drafts that this pass accepted. */
  accepted: int().min(0).max(most.positions).default(0),
  /** With `trace`: positions[p][h] are head h + 1's likeliest tokens after p drafts, probabilities over the whole vocabulary. */
  positions: array(array(array(candidate).max(most.candidates)).max(most.heads))
    .max(most.positions)
    .default([]),
  /** With `trace`, of DynaMo: the orders tried, the highest first. */
  orders: array(order).max(most.heads).optional(),
});

/** A pass as servers send it. */
export type WirePass = Infer<typeof wirePass>;
/** A candidate as servers send it. */
export type WireCandidate = Infer<typeof candidate>;
/** An order that was tried, as servers send it. */
export type WireOrder = Infer<typeof order>;

/** Options of sending candidates. */
export interface CandidatesOptions {
  readonly decode: (ids: readonly number[]) => string;
  /** How many of each head's to send. */
  readonly count: number;
}

const candidatesCheck = valueCheck<Candidates>("a head's candidates { ids, logits, logSumExp }", (value) => {
  if (!isPlainObject(value)) return false;
  const { ids, logits, logSumExp } = value as Candidates;
  return ids instanceof Int32Array && logits instanceof Float32Array && typeof logSumExp === "number";
});
const optionChecks: OptionChecks<CandidatesOptions> = { decode: required(callback()), count: required(whole(0)) };

/** A head's likeliest tokens as they are sent. */
export function toWireCandidates(candidates: Candidates, options: CandidatesOptions): WireCandidate[] {
  checkValue("candidates", candidates, candidatesCheck);
  checkOptions("toWireCandidates()", options, optionChecks);
  const { ids, logits, logSumExp } = candidates;
  return Array.from(ids.subarray(0, Math.min(options.count, most.candidates)), (each, rank) => {
    const decoded: unknown = options.decode([each]);
    checkValue("what decode() returns", decoded, text);
    const probability = Math.min(1, Math.exp((logits[rank] ?? -Infinity) - logSumExp));
    return { id: each, text: decoded.slice(0, most.text), probability };
  });
}

const wireCandidates = array(candidate);

/** As a model in this process would have given them: log-probabilities stand for the logits. */
export function fromWireCandidates(candidates: readonly WireCandidate[]): Candidates {
  check(wireCandidates, candidates, "candidates", "invalid-argument");
  return {
    ids: Int32Array.from(candidates, (each) => each.id),
    logits: Float32Array.from(candidates, ({ probability }) => Math.log(probability)),
    logSumExp: 0,
  };
}
