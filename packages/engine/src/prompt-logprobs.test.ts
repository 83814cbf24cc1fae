import { tableModel } from "@dynamo/core/testing";
import { createRandom, generate } from "@dynamo/decode";
import { describe, expect, it } from "vitest";
import { createEngine } from "./engine.js";

const next = createRandom(4);
const table = [1, 2].map(() => Array.from({ length: 20 }, () => Float32Array.from({ length: 20 }, () => 5 * next())));
const model = tableModel({ table, contextLength: 60, endOfTextIds: [0] });

describe("an engine", () => {
  it("scores prompts as generate() does: in pieces, beside others, and though another text began alike", async () => {
    const engine = await createEngine(model, { slots: 2, prefillTokens: 3 });
    const prompt = Array.from({ length: 23 }, (_, i) => 1 + (i % 19));
    const options = { seed: 1, maxNewTokens: 5 };
    const { promptLogprobs, tokens } = await generate(model, prompt, { ...options, promptLogprobs: 2 });
    const submit = (more: object): ReturnType<typeof engine.submit> => engine.submit({ prompt, ...options, ...more });
    const [plain, scored, alone, nothing] = await Promise.all([
      submit({ maxNewTokens: 20 }),
      submit({ promptLogprobs: 2 }),
      submit({ promptLogprobs: 2, maxNewTokens: 0 }),
      submit({ maxNewTokens: 0 }),
    ]);
    expect(plain.promptLogprobs).toBeUndefined();
    expect(scored).toMatchObject({ promptLogprobs, tokens });
    expect(scored.statistics.reusedTokens).toBe(0);
    expect(alone).toMatchObject({ promptLogprobs, tokens: [], text: "", finishReason: "length" });
    expect(nothing).toMatchObject({ tokens: [], text: "", finishReason: "length" });
    const again = await submit({});
    expect(again.tokens).toEqual(tokens);
    await engine.close();
  });
});
