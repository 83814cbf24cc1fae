import { tableModel } from "@dynamo/core/testing";
import type { LanguageModel, StepInput, StepOutput, Strategy } from "@dynamo/core";
import { expect, it } from "vitest";
import { generate } from "./generate.js";
import { withStep } from "./with-step.js";

/** Its state, its own members and its getters stand on the class, or are private. */
class Counting implements Strategy<{ steps: number }> {
  readonly #said: string[] = [];
  readonly #own = { name: "counting", heads: 1, lossless: false };
  get name(): string {
    return this.#own.name;
  }
  get heads(): number {
    return this.#own.heads;
  }
  get lossless(): boolean {
    return this.#own.lossless;
  }
  get said(): readonly string[] {
    return this.#said;
  }
  check(model: LanguageModel): void {
    this.#said.push(`check ${model.info.vocabularySize}`);
  }
  begin(prompt: Int32Array): { steps: number } {
    this.#said.push(`begin ${prompt.join()}`);
    return { steps: 0 };
  }
  step({ state }: StepInput<{ steps: number }>): StepOutput {
    state.steps++;
    this.#said.push(`step ${state.steps}`);
    return { tokens: [2] };
  }
  end({ steps }: { steps: number }): void {
    this.#said.push(`end ${steps}`);
  }
}

it("an instance of a class keeps its getters, its methods and what it holds", async () => {
  const model = tableModel({ table: [[1, 1, 1], [1, 1, 1], [1, 1, 1]].map(() => [[1, 1, 1], [1, 1, 1], [1, 1, 1]]) }); // prettier-ignore
  const strategy = new Counting();
  const seen: number[] = [];
  const around = withStep(strategy, (input) => {
    const output = strategy.step(input as StepInput<{ steps: number }>);
    seen.push(...output.tokens);
    return output;
  });
  expect(around).toMatchObject({ name: "counting", heads: 1, lossless: false });
  const { tokens } = await generate(model, [1], { strategy: around, maxNewTokens: 2, stop: { ids: [] } });
  expect([tokens, seen]).toEqual([
    [2, 2],
    [2, 2],
  ]);
  expect(strategy.said).toEqual(["check 3", "begin 1", "step 1", "step 2", "end 2"]);
});
