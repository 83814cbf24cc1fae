/** A config.json that is edited after its conversion: what changes the mathematics is refused, by load and by inspect. */
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Runtime } from "@dynamo/core";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseConfig } from "../src/architectures/config.js";
import { describeModel } from "../src/architectures/description.js";
import { convertCheckpoint } from "../src/convert.js";
import { inspectModel } from "../src/folder/inspect.js";
import { loadModel } from "../src/folder/load.js";

const fixtures = join(import.meta.dirname, "__fixtures__/families");
const jsonOf = (path: string): Record<string, unknown> =>
  JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
const configOf = (name: string): Record<string, unknown> => jsonOf(join(fixtures, name, "config.json"));

let target: string;
let runtime: Runtime;
beforeAll(async () => {
  target = await mkdtemp(join(tmpdir(), "dynamo-made-for-"));
  runtime = createNodeRuntime({ device: "cpu" });
});
afterAll(async () => {
  await runtime.dispose();
  await rm(target, { recursive: true });
});

test.each([
  ["gpt_neox", { use_parallel_residual: false }],
  ["gpt_neox", { layer_norm_eps: 0.1 }],
  ["gpt_neox", { rotary_pct: 1, rope_parameters: null }],
  ["llama", { rope_theta: 600 }],
  ["llama", { rms_norm_eps: 0.1 }],
  ["llama", { hidden_act: "gelu" }],
  ["llama", { max_position_embeddings: 128 }],
  ["llama-3", { rope_scaling: null }],
  ["qwen2", { use_sliding_window: false }],
  ["qwen2", { layer_types: null, max_window_layers: 2 }],
  ["mistral", { sliding_window: 7 }],
  ["gemma3", { query_pre_attn_scalar: 16 }],
  ["gemma3", { layer_types: Array(4).fill("full_attention") }],
  ["gemma3-capped", { final_logit_softcapping: 3 }],
  ["gemma3-capped", { final_logit_softcapping: null }],
  ["smollm3", { no_rope_layers: [1, 1, 1, 1] }],
  ["granite", { embedding_multiplier: 2 }],
  ["granite", { residual_multiplier: 0.5 }],
  ["granite", { logits_scaling: 3 }],
  ["phi3-longrope", { original_max_position_embeddings: 12 }],
  ["gpt2", { layer_norm_epsilon: 0.1 }],
])("%s %j is another model", (name, changes) => {
  const json = configOf(name);
  expect(describeModel(parseConfig({ ...json, ...changes }))).not.toBe(describeModel(parseConfig(json)));
});

test("keys that leave the mathematics as it is may be edited", () => {
  const json = configOf("llama");
  const edited = { ...json, eos_token_id: [2, 5], bos_token_id: null, torch_dtype: "float16", initializer_range: 1 };
  expect(describeModel(parseConfig(edited))).toBe(describeModel(parseConfig(json)));
});

test("a folder whose config.json was edited is refused, with what differs, and taken once it is put back", async () => {
  const folder = join(target, "model");
  await convertCheckpoint(join(fixtures, "llama"), folder, { dtypes: ["q8"] });
  const path = join(folder, "config.json");
  const json = jsonOf(path);
  await writeFile(path, JSON.stringify({ ...json, rope_theta: 10000, eos_token_id: 3 }));
  const said =
    "onnx/model_q8.onnx was made for another config.json, with rope_theta 500 (config.json: 10000): convert the checkpoint again, or put config.json back as it was";
  await expect(loadModel(runtime, folder)).rejects.toMatchObject({ code: "invalid-file", message: said });
  expect((await inspectModel(folder)).warnings).toContain(said);
  await writeFile(path, JSON.stringify({ ...json, eos_token_id: 3 }));
  const model = await loadModel(runtime, folder);
  expect(model.info.endOfTextIds).toEqual([3]);
  await model.dispose();
  expect((await inspectModel(folder)).warnings).toEqual([]);
});
