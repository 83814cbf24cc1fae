/** A request's strategy, and what it saw of each pass when a trace was asked for. */
import type { Candidates, Strategy } from "@dynamo/core";
import { autoregressive, dynamo, verified, type GenerationChunk, type OrderTrace } from "@dynamo/decode";
import { toWireCandidates, type WirePass } from "@dynamo/protocol";
import type { StrategySettings } from "./messages.js";

/** Candidates of each head that a trace carries. */
const tracedCandidates = 8;

/** Throws `invalid-argument` for options out of range. */
export function strategyOf({ name, ...options }: StrategySettings, tokenHeads: number): Strategy {
  switch (name ?? (tokenHeads > 1 ? "dynamo" : "autoregressive")) {
    case "autoregressive":
      return autoregressive(options);
    case "verified":
      return verified(options);
    case "dynamo":
      return dynamo(options);
  }
}

export interface TracedStrategy {
  readonly strategy: Strategy;
  /** The pass that a chunk came from; chunks are asked for in their order. */
  passOf(chunk: GenerationChunk): WirePass;
}

interface Seen {
  readonly positions: readonly (readonly Candidates[])[];
  readonly accepted: number;
  readonly at: number;
}

export function traced(strategy: Strategy, decode: (ids: readonly number[]) => string): TracedStrategy {
  const seen: Seen[] = [];
  let before = performance.now();
  return {
    strategy: {
      ...strategy,
      async step(input) {
        const output = await strategy.step(input);
        seen.push({ positions: input.positions, accepted: output.accepted ?? 0, at: performance.now() });
        return output;
      },
    },
    passOf({ pass: index, order, tokens, trace }) {
      const { positions, accepted, at } = seen.shift() as Seen;
      const seconds = (at - before) / 1000;
      before = at;
      return {
        index,
        order,
        seconds,
        tokens: tokens.map((id) => ({ id, text: decode([id]) })),
        accepted,
        positions: positions.map((heads) =>
          heads.map((head) => toWireCandidates(head, { decode, count: tracedCandidates })),
        ),
        ...(Array.isArray(trace) ? { orders: (trace as OrderTrace[]).map(orderOf) } : {}),
      };
    },
  };
}

const orderOf = ({ otsu, ...rest }: OrderTrace): NonNullable<WirePass["orders"]>[number] => ({
  ...rest,
  ...(otsu === undefined ? {} : { otsu }),
});
