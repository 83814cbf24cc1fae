import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openCheckpoint } from "./checkpoint.js";
import { parseConfig, type ModelConfig } from "../architectures/config.js";
import { baseShapes, headShapes } from "../architectures/tensor-names.js";
import { initialTensor } from "./initial-weights.js";
import { nodeFolder } from "../node-folder.js";
import { writeRandomCheckpoint } from "./random-checkpoint.js";

const config = parseConfig({
  architectures: ["GPTNeoXForCausalLM"],
  model_type: "gpt_neox",
  vocab_size: 61,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 40,
  max_position_embeddings: 32,
  dynamo: { token_heads: 3 },
});

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dynamo-random-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function weightsOf(directory: string): Promise<Record<string, Float32Array>> {
  const checkpoint = await openCheckpoint(nodeFolder(directory));
  const weights: Record<string, Float32Array> = {};
  for (const name of checkpoint.shapes.keys()) weights[name] = await checkpoint.read(name);
  await checkpoint.close();
  return weights;
}

const configOf = async (directory: string): Promise<ModelConfig> => {
  const checkpoint = await openCheckpoint(nodeFolder(directory));
  await checkpoint.close();
  return checkpoint.config;
};

describe("writeRandomCheckpoint", () => {
  it("writes a folder that opens as the checkpoint it was asked for", async () => {
    const directory = join(folder, "new/nested");
    await writeRandomCheckpoint(directory, { config, seed: 7 });
    expect(readdirSync(directory).sort()).toEqual(["config.json", "model.safetensors"]);
    const checkpoint = await openCheckpoint(nodeFolder(directory));
    expect(checkpoint.trainedHeads).toEqual([2, 3]);
    expect({ ...checkpoint.config, raw: undefined }).toEqual({ ...config, raw: undefined });
    for (const [name, shape] of checkpoint.shapes) {
      expect(await checkpoint.read(name)).toEqual(initialTensor(name, shape, 7));
    }
    await checkpoint.close();
  });

  it("leaves token heads out when the config has none", async () => {
    const directory = join(folder, "one-head");
    await writeRandomCheckpoint(directory, { config: { ...config, tokenHeads: 1 } });
    expect((await configOf(directory)).tokenHeads).toBe(1);
    expect(Object.keys(await weightsOf(directory)).some((name) => name.startsWith("dynamo."))).toBe(false);
  });

  it.each([
    ["float16", 2 ** -11],
    ["bfloat16", 2 ** -7],
  ] as const)("rounds to %s, which reading widens again", async (dtype, relative) => {
    const directory = join(folder, dtype);
    await writeRandomCheckpoint(directory, { config, seed: 7, dtype });
    let changed = 0;
    const heads = Array.from({ length: config.tokenHeads - 1 }, (_, i) => headShapes(config, i + 2));
    const shapes = new Map([baseShapes(config), ...heads].flatMap((each) => [...each]));
    for (const [name, values] of Object.entries(await weightsOf(directory))) {
      const exact = initialTensor(name, shapes.get(name) as readonly number[], 7);
      for (const [i, value] of values.entries()) {
        const wanted = exact[i] as number;
        // Below 2^-14 halves are subnormal: their steps stop shrinking.
        expect(Math.abs(value - wanted)).toBeLessThanOrEqual(relative * Math.abs(wanted) + 2 ** -25);
        if (value !== wanted) changed++;
      }
    }
    expect(changed).toBeGreaterThan(1000);
  });

  it("cuts the same weights into shards of at most so many bytes, with an index", async () => {
    const [whole, sharded] = [join(folder, "whole"), join(folder, "sharded")];
    await writeRandomCheckpoint(whole, { config, seed: 3 });
    await writeRandomCheckpoint(sharded, { config, seed: 3, shardBytes: 9000 });
    const shards = readdirSync(sharded).filter((file) => file.endsWith(".safetensors"));
    expect(shards.length).toBeGreaterThan(3);
    for (const shard of shards) {
      const bytes = readFileSync(join(sharded, shard));
      expect(bytes.length - 8 - Number(bytes.readBigUInt64LE())).toBeLessThanOrEqual(9000);
    }
    expect(await weightsOf(sharded)).toEqual(await weightsOf(whole));
  });

  it("does not write over weights that are there", async () => {
    const directory = mkdtempSync(join(folder, "taken-"));
    writeFileSync(join(directory, "model.safetensors"), "precious");
    await expect(writeRandomCheckpoint(directory, { config })).rejects.toMatchObject({ code: "invalid-argument" });
    expect(readFileSync(join(directory, "model.safetensors"), "utf8")).toBe("precious");
  });
});

describe("initialTensor", () => {
  it("makes norms' gains 1, whatever a family calls its norms", () => {
    for (const name of ["model.norm.weight", "model.layers.0.self_attn.q_norm.weight", "transformer.h.0.ln_1.weight"])
      expect(initialTensor(name, [4], 1)).toEqual(new Float32Array(4).fill(1));
  });

  const name = "dynamo.token_heads.2.attention.dense.weight";

  it("makes a tensor from its name and the seed alone", () => {
    const first = initialTensor(name, [8, 8], 1);
    initialTensor("another.weight", [3], 1);
    expect(initialTensor(name, [8, 8], 1)).toEqual(first);
    expect(initialTensor(name, [8, 8], 2)).not.toEqual(first);
    expect(initialTensor(name, [8, 8], 1 + 2 ** 32)).not.toEqual(first);
    expect(initialTensor(name.replace("2", "3"), [8, 8], 1)).not.toEqual(first);
  });

  it("begins with one for the norms' gains and with zero for every bias", () => {
    for (const norm of ["dynamo.token_heads.2.input_layernorm", "gpt_neox.final_layer_norm"]) {
      expect([...initialTensor(`${norm}.weight`, [3], 0)]).toEqual([1, 1, 1]);
      expect([...initialTensor(`${norm}.bias`, [3], 0)]).toEqual([0, 0, 0]);
    }
    expect([...initialTensor("gpt_neox.layers.0.mlp.dense_h_to_4h.bias", [2], 0)]).toEqual([0, 0]);
  });

  it("is normal with deviation 0.02: its moments, and its share within one, two and three deviations", () => {
    const values = initialTensor(name, [400, 501], 5);
    const n = values.length;
    const moment = (power: number): number => values.reduce((sum, value) => sum + (value / 0.02) ** power, 0) / n;
    // Each bound is some five standard errors.
    expect(Math.abs(moment(1))).toBeLessThan(5 / Math.sqrt(n));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
    expect(Math.abs(moment(3))).toBeLessThan(5 * Math.sqrt(15 / n));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(5 * Math.sqrt(96 / n));
    for (const [deviations, share] of [
      [1, 0.682689],
      [2, 0.9545],
      [3, 0.9973],
    ] as const) {
      const within = values.filter((value) => Math.abs(value) < deviations * 0.02).length / n;
      expect(Math.abs(within - share)).toBeLessThan(5 * Math.sqrt((share * (1 - share)) / n));
    }
  });

  it("has no correlation between tensors of neighbouring names and seeds", () => {
    const n = 20_000;
    const base = initialTensor(name, [n, 1], 0);
    for (const other of [initialTensor(name, [n, 1], 1), initialTensor(name.replace("2", "3"), [n, 1], 0)]) {
      const product = base.reduce((sum, value, i) => sum + (value / 0.02) * ((other[i] as number) / 0.02), 0) / n;
      expect(Math.abs(product)).toBeLessThan(5 / Math.sqrt(n));
    }
  });
});
