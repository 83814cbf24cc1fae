/**
 * How many drafts pay. A pass of d drafts costs 1 + c·d passes of one position and is expected to be worth 1 + a_1 + a_1·a_2 + … tokens, a_i being
 * how likely draft i is accepted when it is judged: one more pays while what it adds, a_1·…·a_(d+1) for c, is more than tokens cost so far.
 * How likely a source's drafts are accepted is learned from the text itself; nothing depends on the clock, so a seed's text is always the same.
 */

/** A draft and what was expected of it. */
export interface ExpectedDraft {
  /** Of which source, by its place. */
  readonly source: number;
  /** What the source says how likely head 1 agrees. */
  readonly agreement: number;
}

/** Of one text. */
export interface DraftBudget {
  /** Which of the last step's drafts were accepted, from the first. */
  judged(accepted: number): void;
  /** Whether this draft should follow those that were taken since `judged`; takes it if so. */
  take(draft: ExpectedDraft): boolean;
}

interface Counted {
  /** Drafts that were accepted, and how many their source had promised. */
  accepted: number;
  promised: number;
}

/** What is supposed of a source before it has drafted: as if so many drafts had been promised, and this share of them accepted. */
const supposed = 2;
const supposedShare = 0.7;
/** Of what is known, a step forgets this much: a source that was given up is tried again after some fifty steps. */
const forgotten = 0.02;

/** `positionCost`: c, what a further position costs as a share of a pass of one. */
export function draftBudget(sources: number, positionCost: number): DraftBudget {
  const counted = Array.from({ length: sources }, (): Counted => ({ accepted: 0, promised: 0 }));
  let taken: ExpectedDraft[] = [];
  let [chance, tokens] = [1, 1];

  function acceptance({ source, agreement }: ExpectedDraft): number {
    const { accepted, promised } = counted[source] as Counted;
    const kept = (accepted + supposed * supposedShare) / (promised + supposed);
    return Math.min(1, agreement * kept);
  }

  return {
    judged(accepted) {
      for (const each of counted) {
        each.accepted *= 1 - forgotten;
        each.promised *= 1 - forgotten;
      }
      // Behind the first that was rejected none was judged.
      for (const [i, { source, agreement }] of taken.slice(0, accepted + 1).entries()) {
        const own = counted[source] as Counted;
        own.promised += agreement;
        if (i < accepted) own.accepted += 1;
      }
      taken = [];
      [chance, tokens] = [1, 1];
    },
    take(draft) {
      const next = chance * acceptance(draft);
      const spent = 1 + positionCost * taken.length;
      if (next * spent < positionCost * tokens) return false;
      taken.push(draft);
      chance = next;
      tokens += next;
      return true;
    },
  };
}
