/**
 * Verified decoding: draft sources propose, head 1 judges on the next pass, and the output has exactly the base model's
 * distribution (judge.ts). Greedy output is head 1's, token for token.
 */
import type { Candidates, Draft, StepInput, Strategy } from "@dynamo/core";
import { checkOptions, whole, type OptionChecks } from "@dynamo/core/options";
import { normalised, type DraftPlace, type DraftSource } from "./drafts/draft-source.js";
import { headDrafts } from "./drafts/head-drafts.js";
import type { DraftSourceName } from "./drafts/draft-source-names.js";
import { namedSource, sourcesCheck } from "./drafts/named-sources.js";
import type { StepOptions } from "./dynamo-step.js";
import { generateOptions } from "./generate-checks.js";
import type { HeadDistribution } from "./head-distribution.js";
import { judge, penalised } from "./judge.js";
import { resolve, samplingChecks, share, tokenHeads, type SamplingOptions } from "./options.js";
import { choose } from "./sample.js";

/** Options of `verified`. */
export interface VerifiedOptions extends SamplingOptions {
  /** How much the co-occurrence mask helps the heads' drafts, 0 to 1. It never changes the output's distribution. Default 1. */
  readonly maskStrength?: number | undefined;
  /** Of the source `heads`: draft with the first heads only; default: all that the model has. */
  readonly tokenHeads?: number | undefined;
  /** Who drafts, by name or of your own: at each place the first that has something to say. Default: `["heads"]`. */
  readonly sources?: readonly (DraftSourceName | DraftSource)[] | undefined;
  /** Tokens drafted for a pass at most, 1 to 15. Default: one for each head that looks further ahead; 4 with other sources. */
  readonly drafts?: number | undefined;
}

/** As many as a pass on the wire has places for, the next token's included. */
export const mostDrafts = 15;
const usualDrafts = 4;

/** By option. */
export const verifiedChecks: OptionChecks<VerifiedOptions> = {
  ...samplingChecks,
  maskStrength: share,
  tokenHeads,
  sources: sourcesCheck,
  drafts: whole(1, mostDrafts),
};

/** What each source keeps for a text; sources that keep nothing need none. */
type SourceStates = readonly unknown[];
const statesOf = ({ state }: StepInput): SourceStates => (state as SourceStates | undefined) ?? [];

/** Throws `invalid-argument` for options that it does not have, or out of range. */
export function verified(options: VerifiedOptions = {}): Strategy {
  checkOptions("verified()", options, verifiedChecks, generateOptions);
  const sources = (options.sources ?? ["heads"]).map((source): DraftSource =>
    source === "heads" ? headDrafts(options.tokenHeads) : typeof source === "string" ? namedSource(source) : source,
  );
  const heads = Math.max(...sources.map((source) => source.heads ?? 1));
  const drafts = options.drafts ?? (sources.every(({ name }) => name === "heads") ? undefined : usualDrafts);
  return {
    name: "verified",
    lossless: true,
    ...(Number.isFinite(heads) ? { heads } : {}),
    ...(drafts === undefined ? {} : { drafts }),
    ...(options.topK === undefined ? {} : { topK: options.topK }),
    ...(sources.some(({ begin }) => begin !== undefined)
      ? { begin: (prompt): SourceStates => sources.map((source) => source.begin?.(prompt)) }
      : {}),
    step(input) {
      const { positions, draft, context, remaining, random, defaults } = input;
      const resolved = resolve(options, defaults);
      const { accepted, token } = judge(positions, draft, context, resolved, random);
      const emitted = [...draft.slice(0, accepted).map((each) => each.token), token];
      see(sources, input, emitted);
      const read = positions[accepted] ?? [];
      // The pass that judges them adds a token of its own.
      const most = Math.min(drafts ?? read.length - 1, remaining - emitted.length - 1);
      const next = propose(sources, input, { emitted, heads: read, options: resolved }, most);
      return { accepted, tokens: [token], draft: next, order: accepted + 1 };
    },
  };
}

function see(sources: readonly DraftSource[], input: StepInput, emitted: readonly number[]): void {
  const { positions, draft, context } = input;
  const states = statesOf(input);
  const fed = [context.at(-1) as number, ...draft.map(({ token }) => token)];
  const candidates = positions.map((heads) => heads[0] as Candidates);
  for (const [i, source] of sources.entries()) source.see?.({ state: states[i], fed, candidates, emitted });
}

/** Of the first source that has something to say. */
function firstOf(
  sources: readonly DraftSource[],
  states: SourceStates,
  place: Omit<DraftPlace<unknown>, "state">,
): HeadDistribution | undefined {
  for (const [i, source] of sources.entries()) {
    const given = source.next({ ...place, state: states[i] });
    if (given !== undefined) return normalised(source.name, given);
  }
  return undefined;
}

/** Draws token by token from whoever speaks first; any distribution is right, a better one is accepted more often. */
function propose(
  sources: readonly DraftSource[],
  input: StepInput,
  given: Pick<DraftPlace<unknown>, "emitted" | "heads"> & { readonly options: StepOptions },
  most: number,
): Draft[] {
  const { emitted, options } = given;
  const { context, cooccurrence, random } = input;
  const states = statesOf(input);
  const drafted: number[] = [];
  const drafts: Draft[] = [];
  while (drafts.length < most) {
    const place = { ...given, drafted, cooccurrence };
    const q = firstOf(sources, states, place);
    if (q === undefined) break;
    // Head 1 will judge with the penalty.
    const distribution = penalised(q, context, [...emitted, ...drafted], options);
    const rank = choose(distribution.probabilities, distribution.ids.length, options.temperature, random);
    const token = distribution.ids[rank] as number;
    drafted.push(token);
    drafts.push(options.temperature === 0 ? { token } : { token, distribution });
  }
  return drafts;
}
