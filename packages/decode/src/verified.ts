/**
 * Verified decoding: draft sources propose, head 1 judges on the next pass, and the output has exactly the base model's
 * distribution (judge.ts). Greedy output is head 1's, token for token.
 */
import type { Candidates, Draft, StepInput, Strategy } from "@dynamo/core";
import { checkOptions, numberAbove, valueCheck, whole, type OptionChecks, type ValueCheck } from "@dynamo/core/options";
import { expectedAgreement } from "./chain.js";
import { draftBudget, type DraftBudget } from "./drafts/draft-budget.js";
import { normalised, type DraftPlace, type DraftSource, type Proposal } from "./drafts/draft-source.js";
import { headDrafts } from "./drafts/head-drafts.js";
import type { DraftSourceName } from "./drafts/draft-source-names.js";
import { namedSource, sourcesCheck } from "./drafts/named-sources.js";
import type { StepOptions } from "./dynamo-step.js";
import { generateOptions } from "./generate-checks.js";
import { judge, penalised } from "./judge.js";
import { mostDrafts, resolve, samplingChecks, share, tokenHeads, type SamplingOptions } from "./options.js";
import { choose } from "./sample.js";

/** Options of `verified`. */
export interface VerifiedOptions extends SamplingOptions {
  /** How much the co-occurrence mask helps the heads' drafts, 0 to 1. It never changes the output's distribution. Default 1. */
  readonly maskStrength?: number | undefined;
  /** Of the source `heads`: draft with the first heads only; default: all that the model has. */
  readonly tokenHeads?: number | undefined;
  /** Who drafts, by name or of your own: at each place the first that has something to say. Default: `["heads"]`. */
  readonly sources?: readonly (DraftSourceName | DraftSource)[] | undefined;
  /**
   * Tokens drafted for a pass at most, 1 to 15, or `"auto"`: as many as pay. Default: one for each head that looks further ahead; 4 with
   * other sources.
   */
  readonly drafts?: number | "auto" | undefined;
  /**
   * With `drafts: "auto"`: what a further position of a pass costs, as a share of a pass of one position, above 0 to 1. Default 0.2, a CPU's; next to
   * nothing on a GPU.
   */
  readonly positionCost?: number | undefined;
}

const usualDrafts = 4;
const usualPositionCost = 0.2;
const draftsCheck: ValueCheck<number | "auto"> = valueCheck(
  `"auto" or ${whole(1, mostDrafts).expected}`,
  (value) => value === "auto" || whole(1, mostDrafts).accepts(value),
);

/** By option. */
export const verifiedChecks: OptionChecks<VerifiedOptions> = {
  ...samplingChecks,
  maskStrength: share,
  tokenHeads,
  sources: sourcesCheck,
  drafts: draftsCheck,
  positionCost: numberAbove(0, 1),
};

/** What is kept for a text: by each source, and by the budget. Of sources that keep nothing, with a fixed number of drafts, nothing. */
interface TextState {
  readonly sources: readonly unknown[];
  readonly budget: DraftBudget | undefined;
}

const nothing: TextState = { sources: [], budget: undefined };
const stateOf = ({ state }: StepInput): TextState => (state as TextState | undefined) ?? nothing;

/** Throws `invalid-argument` for options that it does not have, or out of range. */
export function verified(options: VerifiedOptions = {}): Strategy {
  checkOptions("verified()", options, verifiedChecks, generateOptions);
  const sources = (options.sources ?? ["heads"]).map((source): DraftSource =>
    source === "heads" ? headDrafts(options.tokenHeads) : typeof source === "string" ? namedSource(source) : source,
  );
  const heads = Math.max(...sources.map((source) => source.heads ?? 1));
  const { drafts: asked, positionCost = usualPositionCost } = options;
  const isAuto = asked === "auto";
  const unlessHeads = isAuto ? mostDrafts : usualDrafts;
  const usual = sources.every(({ name }) => name === "heads") ? undefined : unlessHeads;
  const drafts = isAuto ? usual : (asked ?? usual);
  const keepsState = isAuto || sources.some((source) => source.begin !== undefined);
  const begin = (prompt: Int32Array): TextState => ({
    sources: sources.map((source) => source.begin?.(prompt)),
    budget: isAuto ? draftBudget(sources.length, positionCost) : undefined,
  });
  return {
    name: "verified",
    lossless: true,
    ...(Number.isFinite(heads) ? { heads } : {}),
    ...(drafts === undefined ? {} : { drafts }),
    ...(options.topK === undefined ? {} : { topK: options.topK }),
    ...(keepsState ? { begin } : {}),
    step(input) {
      const { positions, draft, context, remaining, random, defaults } = input;
      const resolved = resolve(options, defaults);
      const { accepted, token } = judge(positions, draft, context, resolved, random);
      const emitted = [...draft.slice(0, accepted).map((each) => each.token), token];
      see(sources, input, emitted);
      stateOf(input).budget?.judged(accepted);
      const read = positions[accepted] ?? [];
      // The pass that judges them adds a token of its own.
      const most = Math.min(drafts ?? read.length - 1, remaining - emitted.length - 1);
      const next = propose(sources, input, { emitted, heads: read, options: resolved }, most);
      return { accepted, tokens: [token], draft: next, order: accepted + 1 };
    },
  };
}

function see(sources: readonly DraftSource[], input: StepInput, emitted: readonly number[]): void {
  if (!sources.some((source) => source.see !== undefined)) return;
  const { positions, draft, context } = input;
  const states = stateOf(input).sources;
  const fed = [context.at(-1) as number, ...draft.map(({ token }) => token)];
  const candidates = positions.map((heads) => heads[0] as Candidates);
  for (const [i, source] of sources.entries()) source.see?.({ state: states[i], fed, candidates, emitted });
}

/** Of the first source that has something to say. */
function firstOf(
  sources: readonly DraftSource[],
  states: TextState["sources"],
  place: Omit<DraftPlace<unknown>, "state">,
): { readonly q: Proposal; readonly source: number } | undefined {
  for (const [i, source] of sources.entries()) {
    const given = source.next({ ...place, state: states[i] });
    if (given !== undefined) return { q: normalised(source.name, given), source: i };
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
  const { sources: states, budget } = stateOf(input);
  const drafted: number[] = [];
  const drafts: Draft[] = [];
  while (drafts.length < most) {
    const place = { ...given, drafted, cooccurrence };
    const found = firstOf(sources, states, place);
    if (found === undefined) break;
    const { q, source } = found;
    if (budget !== undefined) {
      const agreement = q.agreement ?? expectedAgreement(q.probabilities);
      if (!budget.take({ source, agreement })) break;
    }
    // Head 1 will judge with the penalty.
    const distribution = penalised(q, context, [...emitted, ...drafted], options);
    const rank = choose(distribution.probabilities, distribution.ids.length, options.temperature, random);
    const token = distribution.ids[rank] as number;
    drafted.push(token);
    drafts.push(options.temperature === 0 ? { token } : { token, distribution });
  }
  return drafts;
}
