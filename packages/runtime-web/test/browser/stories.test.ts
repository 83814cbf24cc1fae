/** The embedded model writes the same text in a browser as in Node. */
import { createWebRuntime, urlFiles } from "@dynamo/runtime-web";
import { expect, inject, test } from "vitest";
import { askStories } from "../stories-case.js";

const cases = [
  { device: "wasm", length: 60 },
  { device: "webgpu", length: 60 },
] as const;

test.each(cases)("$device: greedy text token for token, logits within 1e-3", async ({ device, length }) => {
  const expected = inject("stories");
  const runtime = createWebRuntime({ device });
  try {
    const answer = await askStories(runtime, urlFiles(`${inject("fileServer")}/stories`), length);
    for (const [name, tokens] of Object.entries(expected.texts))
      expect(answer.texts[name], name).toEqual(tokens.slice(0, length));
    expect(answer.logits.length).toBe(expected.logits.length);
    const differences = answer.logits.map((logit, i) => Math.abs(logit - (expected.logits[i] as number)));
    expect(Math.max(...differences)).toBeLessThan(1e-3);
  } finally {
    await runtime.dispose();
  }
});
