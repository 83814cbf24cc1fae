/** Strategies of the operator's own, from modules outside the repository: loaded once, named by requests. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tableModel } from "@dynamo/core/testing";
import { generate, type StepInput, type StepOutput, type Strategy } from "@dynamo/decode";
import { afterAll, expect, test } from "vitest";
import type { StrategySettings } from "./messages.js";
import { loadStrategies, strategyOf, traced } from "./strategy.js";

const folder = mkdtempSync(join(tmpdir(), "dynamo-served-"));
afterAll(() => rmSync(folder, { recursive: true }));

const module = join(folder, "own.mjs");
writeFileSync(
  module,
  "export default (options) => { if (options.least > 1) throw new RangeError('least: at most 1'); return { name: JSON.stringify(options), step: () => ({ tokens: [1] }) } };",
);

const asked = (settings: Partial<StrategySettings>): StrategySettings => ({
  ...{
    name: undefined,
    temperature: undefined,
    topP: undefined,
    minP: undefined,
    typicalP: undefined,
    topK: undefined,
    repetitionPenalty: undefined,
  },
  ...{ backoff: undefined, maskStrength: undefined, joint: undefined, sources: undefined },
  ...{ drafts: undefined, adaptive: undefined, blur: undefined },
  ...settings,
});

test("a request names it, and its own options win over the operator's", async () => {
  const strategies = await loadStrategies([{ name: "own", module, options: { least: 0.5, temperature: 1 } }]);
  const made = (settings: Partial<StrategySettings>) =>
    strategyOf(asked(settings), { strategies, info: { tokenHeads: 3, generation: {} } }).name;
  expect(JSON.parse(made({ name: "own", temperature: 0, topK: 5 }))).toEqual({ least: 0.5, temperature: 0, topK: 5 });
  expect(JSON.parse(made({ name: "own" }))).toEqual({ least: 0.5, temperature: 1 });
  expect([made({}), made({ name: "verified" })]).toEqual(["dynamo", "verified"]);
  const info = { tokenHeads: 3, generation: { strategy: "verified" } } as const;
  expect(strategyOf(asked({}), { strategies, info }).name).toBe("verified");
});

test("a name that nobody loaded is refused with those that there are: a request loads no code", async () => {
  const strategies = await loadStrategies([{ name: "own", module }]);
  for (const [name, hint] of [
    ["owm", "; did you mean own?"],
    [module, ""],
  ] as const)
    expect(() => strategyOf(asked({ name }), { strategies, info: { tokenHeads: 1, generation: {} } })).toThrow(
      expect.objectContaining({
        code: "invalid-argument",
        message: `dynamo.strategy: expected one of autoregressive, dynamo, verified, own, received ${name}${hint}`,
      }),
    );
});

test("what cannot be made keeps the model from starting, in the plugin's own words", async () => {
  await expect(loadStrategies([{ name: "own", module, options: { least: 2 } }])).rejects.toMatchObject({
    code: "strategy",
    message: `${module} failed while making its strategy: least: at most 1`,
  });
  await expect(loadStrategies([{ name: "own", module: join(folder, "no.mjs") }])).rejects.toMatchObject({
    code: "not-found",
  });
  await expect(loadStrategies([{ name: "dynamo", module }])).rejects.toMatchObject({ code: "invalid-argument" });
});

test("a traced strategy may be an instance of a class, with a state for each text", async () => {
  const ended: number[] = [];
  class Own implements Strategy<{ steps: number }> {
    readonly #name = "own";
    readonly #token = 2;
    get name(): string {
      return this.#name;
    }
    begin(): { steps: number } {
      return { steps: 0 };
    }
    step({ state }: StepInput<{ steps: number }>): StepOutput {
      state.steps++;
      return { tokens: [this.#token] };
    }
    end({ steps }: { steps: number }): void {
      ended.push(steps);
    }
  }
  const row = [1, 1, 1];
  const { strategy, passOf } = traced(new Own(), (ids) => ids.join());
  const generation = generate(tableModel({ table: [[row, row, row]] }), [1], { strategy, maxNewTokens: 3 });
  const passes = [];
  for await (const chunk of generation) passes.push(passOf(chunk).tokens);
  expect([strategy.name, ended]).toEqual(["own", [3]]);
  expect(passes).toEqual(new Array(3).fill([{ id: 2, text: "2" }]));
});
