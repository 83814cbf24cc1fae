import type { Draft, Strategy } from "@dynamo/core";
import { describe, expect, it } from "vitest";
import {
  autoregressive,
  choose,
  dynamo,
  headDistribution,
  judge,
  lookup,
  speculative,
  verified,
  type DraftSource,
  type VerifiedOptions,
} from "./index.js";
import { randomModel, strategyContract, type ContractOptions } from "./testing.js";

const api = { describe, it, expect };
strategyContract("autoregressive", () => autoregressive(), api);
strategyContract("dynamo", () => dynamo({ backoff: 0.2 }), api);
strategyContract("verified", () => verified(), api);
strategyContract("greedy verified", () => verified({ temperature: 0 }), api);
strategyContract("speculative", () => speculative({ draftModel: randomModel(77) }), api);
strategyContract(
  "greedy speculative",
  () => speculative({ draftModel: randomModel(3), temperature: 0, drafts: 2 }),
  api,
);
const own = { temperature: 0.8, repetitionPenalty: 1.3 };
strategyContract("verified with options of its own", () => verified(own), api, { sampling: own });

const lying: DraftSource = {
  name: "lying",
  next: ({ drafted }) => ({
    ids: Int32Array.of(3 + drafted.length, 1, 7),
    probabilities: Float64Array.of(5, 0.01, 2),
  }),
};
const allSources: readonly [string, VerifiedOptions["sources"]][] = [
  ["look-up", ["lookup"]],
  ["recycling", ["recycling"]],
  ["look-up, heads and recycling", [lookup({ leastMatch: 1, texts: [[1, 2, 3, 1, 2]] }), "heads", "recycling"]],
  ["a source that lies about what is likely", [lying]],
];
for (const [name, sources] of allSources) {
  strategyContract(`verified by ${name}`, () => verified({ sources }), api);
  strategyContract(`greedy verified by ${name}`, () => verified({ sources, temperature: 0, drafts: 7 }), api);
  strategyContract(`verified by ${name}, as many as pay`, () => verified({ sources, drafts: "auto" }), api);
}

/** Names of the suite's tests that fail. */
async function failuresOf(makeStrategy: () => Strategy, options?: ContractOptions): Promise<string[]> {
  const cases: { readonly name: string; readonly body: () => Promise<void> | void }[] = [];
  const recording = {
    describe: (_: string, body: () => void) => body(),
    it: (name: string, body: () => Promise<void> | void) => void cases.push({ name, body }),
    expect,
  };
  strategyContract("recorded", makeStrategy, recording, options);
  const failed: string[] = [];
  for (const { name, body } of cases) {
    try {
      await body();
    } catch {
      failed.push(name);
    }
  }
  return failed;
}

const sampling = { temperature: 1, repetitionPenalty: 1 };
const likeliest = (ids: Int32Array | undefined): number => ids?.[0] ?? 1;

/** Drafts with the heads and judges as it should. */
const honest = (step: Strategy["step"] = verified(sampling).step): Strategy => ({
  name: "honest",
  lossless: true,
  step,
});

/** Drafts head 2's likeliest token. */
const drafting = (decide: (...given: Parameters<typeof judge>) => ReturnType<typeof judge>): Strategy => ({
  name: "drafting",
  lossless: true,
  drafts: 1,
  step({ positions, draft, context, remaining, random }) {
    const { accepted, token } = decide(positions, draft, context, sampling, random);
    const next = positions[accepted]?.[1];
    const certain: Draft = {
      token: likeliest(next?.ids),
      distribution: { ids: Int32Array.of(likeliest(next?.ids)), probabilities: Float64Array.of(1) },
    };
    return { accepted, tokens: [token], draft: remaining > accepted + 2 ? [certain] : [] };
  },
});

const sample = (head: Parameters<typeof headDistribution>[0] | undefined, random: () => number): number => {
  if (head === undefined) return 1;
  const { ids, probabilities } = headDistribution(head, { temperature: 1 });
  return ids[choose(probabilities, ids.length, 1, random)] ?? 1;
};

describe("the contract suite passes", () => {
  it("strategies that draft and judge, and that keep a state of their own for each text", async () => {
    expect(await failuresOf(() => honest())).toEqual([]);
    expect(await failuresOf(() => drafting(judge))).toEqual([]);
    const counting: Strategy<{ steps: number }> = {
      name: "counting",
      begin: () => ({ steps: 0 }),
      step: ({ state }) => ({ tokens: [1 + (state.steps++ % 39)] }),
    };
    expect(await failuresOf(() => counting)).toEqual([]);
  });

  it("an instance of a class, with private members", async () => {
    class Private {
      readonly name = "private";
      readonly heads = 1;
      readonly #temperature = 1;
      step({ positions, random }: Parameters<Strategy["step"]>[0]): { tokens: number[] } {
        return { tokens: [sample(positions[0]?.[0], () => this.#temperature * random())] };
      }
    }
    expect(await failuresOf(() => new Private())).toEqual([]);
  });
});

describe("the contract suite fails a strategy that", () => {
  const texts = "keeps nothing from text to text";
  const rows = "gives each prompt of a batch the tokens that it has alone";
  const unseen = "accepts no draft that head 1 does not give";
  const lossless = "writes head 1's text, if it says that it is lossless";

  it("counts its steps over all texts", async () => {
    const make = (): Strategy => {
      let steps = 0;
      return { name: "counter", step: () => ({ tokens: [1 + (steps++ % 39)] }) };
    };
    expect(await failuresOf(make)).toEqual([texts, rows]);
  });

  it("bans what it emitted last, whoever that was for", async () => {
    const make = (): Strategy => {
      let last = -1;
      return {
        name: "banning",
        step({ positions: [heads] }) {
          last = heads?.[0]?.ids.find((id) => id !== last) ?? 1;
          return { tokens: [last] };
        },
      };
    };
    expect(await failuresOf(make)).toEqual([texts, rows]);
  });

  it("keeps what it has drafted in itself, not in its draft", async () => {
    const make = (): Strategy => {
      let drafted: number | undefined;
      return {
        name: "remembering",
        step(input) {
          const [heads] = input.positions;
          const tokens = drafted === undefined ? [likeliest(heads?.[0]?.ids)] : [drafted];
          drafted = input.remaining > 1 ? likeliest(heads?.[1]?.ids) : undefined;
          return { tokens };
        },
      };
    };
    expect(await failuresOf(make)).toEqual(expect.arrayContaining([rows]));
  });

  it("remembers the prompts that it has seen", async () => {
    const make = (): Strategy => {
      const seen = new Map<string, number>();
      return {
        name: "memo",
        begin(prompt) {
          const times = seen.get(prompt.join()) ?? 0;
          seen.set(prompt.join(), times + 1);
          return times;
        },
        step: ({ state }) => ({ tokens: [1 + ((state as number) % 39)] }),
      };
    };
    expect(await failuresOf(make)).toEqual([texts]);
  });

  it("accepts its drafts unseen", async () => {
    const accepting = drafting((positions, draft, context, options, random) => ({
      accepted: draft.length,
      token: judge(positions, draft, context, options, random).token,
    }));
    expect(await failuresOf(() => accepting)).toEqual([unseen, lossless]);
    expect(await failuresOf(() => ({ ...accepting, lossless: false }))).toEqual([unseen]);
  });

  it("says that it is lossless and emits what the other heads guess", async () => {
    expect(await failuresOf(() => ({ ...dynamo(), lossless: true }))).toEqual([lossless]);
    expect(await failuresOf(() => ({ ...dynamo({ temperature: 0 }), lossless: true }))).toEqual([lossless]);
  });

  it("corrects a rejected draft from the whole distribution instead of what the draft has left", async () => {
    const careless = drafting((positions, draft, context, options, random) => {
      const { accepted, token } = judge(positions, draft, context, options, random);
      return { accepted, token: accepted === draft.length ? token : sample(positions[accepted]?.[0], random) };
    });
    expect(await failuresOf(() => careless)).toEqual([lossless]);
  });

  it("has another temperature than it should, or another than it was said to have", async () => {
    expect(await failuresOf(() => verified({ temperature: 0.8 }))).toEqual([lossless]);
    expect(await failuresOf(() => verified({ temperature: 0.8 }), { sampling: { temperature: 1.2 } })).toEqual([
      lossless,
    ]);
  });

  it("samples as it should and is wrong where it is greedy", async () => {
    const make = (): Strategy =>
      honest(function step(input) {
        if (input.defaults.temperature !== 0) return verified(sampling).step(input);
        return { tokens: [input.positions[0]?.[0]?.ids[1] ?? 1] };
      });
    expect(await failuresOf(make)).toEqual([lossless]);
  });

  it("writes into its context", async () => {
    const writing: Strategy = {
      name: "writing",
      step({ context, positions: [heads] }) {
        context[0] = 1;
        return { tokens: [likeliest(heads?.[0]?.ids)] };
      },
    };
    expect(await failuresOf(() => writing)).toEqual(["changes nothing of what it is given"]);
  });

  it("draws from elsewhere", async () => {
    const make = (): Strategy => ({
      name: "elsewhere",
      step: () => ({ tokens: [1 + Math.floor(39 * Math.random())] }),
    });
    expect(await failuresOf(make)).toEqual(expect.arrayContaining(["gives the same tokens for the same seed"]));
  });
});
