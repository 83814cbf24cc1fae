/** A request's strategy, and what it saw of each pass when a trace was asked for. */
import { DynamoError, type Candidates, type ModelInfo, type Strategy } from "@dynamo/core";
import { nearestName } from "@dynamo/core/options";
import {
  autoregressive,
  dynamo,
  recommendedStrategy,
  verified,
  withStep,
  type GenerationChunk,
  type OrderTrace,
} from "@dynamo/decode";
import { importPlugin } from "@dynamo/decode/node";
import { toWireCandidates, type WirePass } from "@dynamo/protocol";
import type { ServedPlugin, StrategySettings } from "./messages.js";

/** Candidates of each head that a trace carries. */
const tracedCandidates = 8;

type MakeStrategy = (options: Omit<StrategySettings, "name">) => Strategy;
/** Strategies that requests may name. */
export type Strategies = ReadonlyMap<string, MakeStrategy>;

const builtIn: Readonly<Record<string, MakeStrategy>> = { autoregressive, dynamo, verified };

/** The library's and the operator's. Throws `invalid-argument` for a name that is taken, and what a plugin throws. */
export async function loadStrategies(plugins: readonly ServedPlugin[] = []): Promise<Strategies> {
  const all = new Map(Object.entries(builtIn));
  for (const { name, module, options } of plugins) {
    if (all.has(name))
      throw new DynamoError(
        "invalid-argument",
        `two strategies are named ${name}: expected another name than ${[...all.keys()].join(", ")}`,
      );
    const plugin = await importPlugin(module);
    // What the operator gives is checked now, not at the first request.
    plugin.make(options);
    all.set(name, (asked) => plugin.make({ ...options, ...given(asked) }));
  }
  return all;
}

const given = (options: object): object =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));

/** Throws `invalid-argument` for a name that there is not, and for options out of range. */
export function strategyOf(
  { name: asked, ...options }: StrategySettings,
  {
    strategies,
    info,
  }: { readonly strategies: Strategies; readonly info: Pick<ModelInfo, "tokenHeads" | "generation"> },
): Strategy {
  const name = asked ?? recommendedStrategy(info, options);
  const make = strategies.get(name);
  if (make !== undefined) return make(options);
  const near = nearestName(name, [...strategies.keys()]);
  const hint = near === undefined ? "" : `; did you mean ${near}?`;
  throw new DynamoError(
    "invalid-argument",
    `dynamo.strategy: expected one of ${[...strategies.keys()].join(", ")}, received ${name}${hint}`,
  );
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
    strategy: withStep(strategy, async (input) => {
      const output = await strategy.step(input);
      seen.push({ positions: input.positions, accepted: output.accepted ?? 0, at: performance.now() });
      return output;
    }),
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
