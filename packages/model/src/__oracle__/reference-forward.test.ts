import { describe, expect, it } from "vitest";
import { parseConfig } from "../architectures/config.js";
import { initialTensor } from "../checkpoint/initial-weights.js";
import { baseShapes, headShapes } from "../architectures/tensor-names.js";
import { erf, referenceLogits } from "./reference-forward.js";

const config = parseConfig({
  model_type: "gpt_neox",
  vocab_size: 11,
  hidden_size: 8,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 12,
  rotary_pct: 0.5,
  max_position_embeddings: 16,
  dynamo: { token_heads: 2 },
});

const shapes = new Map([...baseShapes(config), ...headShapes(config, 2)]);
const read = (name: string): Promise<Float32Array> => {
  const shape = shapes.get(name);
  if (shape === undefined) throw new Error(`the oracle asked for ${name}`);
  // Twenty times the usual weights, so that attention attends somewhere.
  return Promise.resolve(
    initialTensor(name, shape, 1).map((value) => (name.endsWith("norm.weight") ? value : 20 * value)),
  );
};

describe("referenceLogits", () => {
  it("looks at no later token", async () => {
    const whole = await referenceLogits(read, config, [1, 2, 3, 4, 5]);
    const prefix = await referenceLogits(read, config, [1, 2, 3]);
    expect(whole.map((logits) => logits.slice(0, 3 * 11))).toEqual(prefix);
  });

  it("looks at every earlier token, in its order, with heads that differ", async () => {
    const last = async (tokens: number[], head: number): Promise<Float64Array | undefined> =>
      (await referenceLogits(read, config, tokens))[head]?.slice(-11);
    for (const head of [0, 1]) {
      expect(await last([1, 2, 3], head)).not.toEqual(await last([4, 2, 3], head));
      expect(await last([1, 2, 3], head)).not.toEqual(await last([2, 1, 3], head));
    }
    expect(await last([1, 2, 3], 0)).not.toEqual(await last([1, 2, 3], 1));
  });
});

describe("erf", () => {
  it.each([
    [0, 0],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2, 0.9953222650189527],
    [3, 0.9999779095030014],
    [3.5, 0.9999992569016276],
    [5, 0.9999999999984626],
    [-1, -0.8427007929497149],
  ])("of %d is %d", (x, value) => {
    expect(Math.abs(erf(x) - value)).toBeLessThan(1e-12);
  });
});
