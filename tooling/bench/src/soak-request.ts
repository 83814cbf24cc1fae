/** Requests as many different clients send them, some of which leave before their answer is whole; the same ones for a seed. */

export interface SoakRequest {
  readonly body: {
    readonly prompt: string | readonly string[];
    readonly max_tokens: number;
    readonly seed: number;
    readonly stream: boolean;
    readonly n: number;
    readonly temperature: number;
    readonly dynamo: { readonly strategy: string };
    readonly logprobs?: number;
  };
  /** Texts that the answer has. */
  readonly choices: number;
  /** Milliseconds after which the client leaves; undefined: it stays to the end. */
  readonly leavesAfter: number | undefined;
}

const beginnings = [
  "Once upon a time, there was a little dog who",
  "One day, a girl named Lily went to the",
  "Tom and Sam were best friends. They liked to",
  "There was a big tree in the",
];
const strategies = ["autoregressive", "dynamo", "verified"];
/** Clients that leave, and the milliseconds within which they do: in the queue, in the prompt, in the text, at its end. */
const [leaving, leaveWithin] = [0.3, 1000];
const [mostTokens, mostRepeats] = [64, 12];

export function soakRequest(random: () => number): SoakRequest {
  const whole = (most: number): number => Math.floor(most * random());
  const pick = <Value>(values: readonly Value[]): Value => values[whole(values.length)] as Value;
  // Few long prompts among many short ones, and beginnings that others had.
  const prompt = (): string =>
    `${pick(beginnings)} `.repeat(random() < 0.1 ? 1 + whole(mostRepeats) : 1) + String(whole(100));
  const several = random() < 0.1;
  const prompts = several ? [prompt(), prompt()] : [prompt()];
  const n = random() < 0.1 ? 2 : 1;
  return {
    body: {
      prompt: several ? prompts : (prompts[0] as string),
      max_tokens: 1 + whole(mostTokens),
      seed: whole(2 ** 31),
      stream: random() < 0.6,
      n,
      temperature: pick([0, 0.7, 1]),
      dynamo: { strategy: pick(strategies) },
      ...(random() < 0.1 ? { logprobs: 3 } : {}),
    },
    choices: prompts.length * n,
    leavesAfter: random() < leaving ? 1 + whole(leaveWithin) : undefined,
  };
}

/** Evenly distributed in [0, 1): mulberry32. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
