import { tableModel } from "@dynamo/core/testing";
import { expect, it } from "vitest";
import { autoregressive, generate, lookup, verified, type DraftSource } from "../index.js";

/** A model that goes round: token t is followed by t + 1. */
const size = 12;
const rows = Array.from({ length: size }, (_, t) =>
  Float32Array.from({ length: size }, (_, i) => (i === (t + 1) % size ? 5 : 0)),
);
const round = tableModel({ table: [rows], contextLength: 400 });
const settings = { maxNewTokens: 60, seed: 1, stopAtEndOfText: false } as const;

it("saves most passes where the text repeats itself, on a model without heads, and changes no token", async () => {
  const expected = await generate(round, [1, 2], { ...settings, strategy: autoregressive({ temperature: 0 }) });
  const made = verified({ temperature: 0, sources: ["lookup"], drafts: 9 });
  const { tokens, statistics } = await generate(round, [1, 2], { ...settings, strategy: made });
  expect(tokens).toEqual(expected.tokens);
  // The first round is new, each later pass is worth ten tokens.
  expect(statistics.passes).toBeLessThanOrEqual(12 + Math.ceil(48 / 10) + 1);
});

it("looks into texts that are given", async () => {
  const texts = [Array.from({ length: size + 4 }, (_, i) => i % size)];
  const strategy = verified({ temperature: 0, sources: [lookup({ texts })], drafts: 4 });
  const { statistics } = await generate(round, [1, 2], { ...settings, maxNewTokens: 10, strategy });
  expect(statistics.passes).toBeLessThanOrEqual(4);
});

it("stands back where fewer tokens match than are asked for", async () => {
  const strategy = verified({ temperature: 0, sources: [lookup({ leastMatch: 100 })] });
  const { statistics } = await generate(round, [1, 2], { ...settings, strategy });
  expect(statistics.passes).toBe(60);
});

it("recycles what was likely behind a token before, on a model without heads", async () => {
  const strategy = verified({ temperature: 0, sources: ["recycling"], drafts: 4 });
  const { tokens, statistics } = await generate(round, [1, 2], { ...settings, strategy });
  expect(tokens.slice(0, 3)).toEqual([3, 4, 5]);
  expect(statistics.passes).toBeLessThan(12 + 60 / 4);
});

it.each([
  [{ sources: [] }, /not empty, of heads, lookup, recycling/],
  [{ sources: ["look"] }, /heads, lookup, recycling/],
  [{ sources: [{ name: "x" }] }, /draft sources/],
  [{ drafts: 16 }, /drafts .*from 1 to 15/],
])("refuses %j", (options, message) => {
  expect(() => verified(options as never)).toThrow(message);
});

it("refuses options of look-up that it does not have", () => {
  expect(() => lookup({ leastMatch: 0 })).toThrow(/leastMatch/);
  expect(() => lookup({ texts: [1] as never })).toThrow(/texts/);
});

it.each([[Float64Array.of(0, 0)], [Float64Array.of(1, NaN)], [Float64Array.of(2, -1)], [Float64Array.of(1)]])(
  "says which source gave %j for two tokens",
  async (probabilities) => {
    const broken: DraftSource = { name: "broken", next: () => ({ ids: Int32Array.of(1, 2), probabilities }) };
    const run = generate(round, [1], { ...settings, strategy: verified({ sources: [broken] }) });
    await expect(run).rejects.toThrow(/draft source broken: expected one probability of at least 0/);
  },
);
