/** What a model recommends is what writes where nobody says otherwise. */
import type { GenerationDefaults } from "@dynamo/core";
import { tableModel } from "@dynamo/core/testing";
import { expect, test } from "vitest";
import { dynamo } from "./dynamo.js";
import { generate } from "./generate.js";
import { recommendedStrategy } from "./recommended-strategy.js";

const of = (tokenHeads: number, generation: GenerationDefaults): Parameters<typeof recommendedStrategy>[0] => ({
  ...{ tokenHeads, generation },
});

test("dynamo by itself, verified where the model says so, one token per pass without heads", () => {
  expect(recommendedStrategy(of(3, {}))).toBe("dynamo");
  expect(recommendedStrategy(of(3, { strategy: "verified" }))).toBe("verified");
  expect(recommendedStrategy(of(1, { strategy: "verified" }))).toBe("autoregressive");
});

test("who asks for what dynamo alone has, gets dynamo", () => {
  const info = of(2, { strategy: "verified" });
  expect(recommendedStrategy(info, { temperature: 0, backoff: undefined })).toBe("verified");
  for (const name of ["backoff", "joint", "adaptive", "blur"])
    expect(recommendedStrategy(info, { [name]: 0 })).toBe("dynamo");
});

test("a recommended joint is dynamo's, unless the caller names another", async () => {
  const table = [0, 1].map(() =>
    Array.from({ length: 8 }, (_, token) => Array.from({ length: 8 }, (_, next) => (next === token ? 2 : 0))),
  );
  const model = tableModel({ table });
  const recommending = { ...model, info: { ...model.info, generation: { joint: "chain", backoff: 0 } as const } };
  const write = (on: typeof model, joint?: "counts" | "chain"): Promise<{ tokens: readonly number[] }> =>
    Promise.resolve(
      generate(on, Int32Array.of(1, 2, 3), { strategy: dynamo({ backoff: 0, joint }), maxNewTokens: 40, seed: 3 }),
    );
  const [chain, counts] = [await write(model, "chain"), await write(model, "counts")];
  expect((await write(recommending)).tokens).toEqual(chain.tokens);
  expect((await write(recommending, "counts")).tokens).toEqual(counts.tokens);
  expect(chain.tokens).not.toEqual(counts.tokens);
});
