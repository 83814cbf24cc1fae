import { expect, test } from "vitest";
import type { Trial } from "./setting.js";
import { trialCells, tunedText } from "./tuned-text.js";

const chain: Trial = {
  setting: { strategy: "dynamo", joint: "chain", temperature: 0.6, topK: 20, backoff: 0.65 },
  ...{ prompts: "held-out", count: 80, tokensPerPass: 2.104, variety: 0.371, lossless: false },
  speedup: { value: 1.42, interval: [1.3, 1.55] },
  gap: { nats: { value: 0.04, interval: [0.01, 0.07] }, beyond: false },
};
const verified: Trial = {
  ...{ ...chain, setting: { strategy: "verified", temperature: 0.6, topK: 20 }, tokensPerPass: 2.31, lossless: true },
  speedup: { value: 1.2, interval: null },
  gap: { nats: { value: 0, interval: null }, beyond: false },
};

test("what was found is one sentence", () => {
  const found = { trials: [chain, verified], chosen: chain, verified, tolerance: 0.05 };
  expect(tunedText(found)).toBe(
    "dynamo, joint chain, T 0.6, ε_b 0.65, top-k 20: 2.10 tokens per pass, 1.42 × one token per pass, gap 0.04 nats (0.01 to 0.07); verified: 1.20 ×.",
  );
  expect(tunedText({ ...found, chosen: verified })).toBe(
    "verified, T 0.6, top-k 20: 2.31 tokens per pass, 1.20 × one token per pass, gap 0 (lossless).",
  );
  expect(tunedText({ ...found, chosen: null })).toBe(
    `Nothing is faster than one token per pass within 0.05 nats of the base's frontier: ${tunedText(found)}`,
  );
  expect(() => tunedText({ ...found, tolerance: "0.05" } as never)).toThrow("what tune() resolves to");
});

test("a row says whether the setting is within the tolerance", () => {
  expect(trialCells(chain, 0.05)).toMatchObject({
    ...{ prompts: "80 held-out", "frontier gap (95 %)": "0.04 (0.01 to 0.07)", within: "yes" },
  });
  expect(trialCells(chain, 0.03)["within"]).toBe("");
  expect(trialCells({ ...chain, gap: { nats: { value: 0, interval: null }, beyond: true } }, 0.05)["within"]).toBe("");
  expect(trialCells(verified, 0)).toMatchObject({ "frontier gap (95 %)": "0, lossless", within: "yes" });
});
