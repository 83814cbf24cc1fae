/** The embedded model gives the same logits and texts on the CPU and on WebGPU. */
import { existsSync } from "node:fs";
import { autoregressive, generate, verified } from "@dynamo/decode";
import { loadModel, type LoadedModel } from "@dynamo/model";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { modelPath } from "@dynamo/stories";
import { expect, it } from "vitest";

/** Where Debian's chromium puts SwiftShader's Vulkan driver. */
const driver = process.env["VK_DRIVER_FILES"] ?? "/usr/lib/chromium/vk_swiftshader_icd.json";
if (existsSync(driver)) process.env["VK_DRIVER_FILES"] = driver;
else process.stdout.write('skipped: no Vulkan driver for WebGPU (README, "WebGPU without a GPU")\n');

async function on<T>(device: "cpu" | "webgpu", use: (model: LoadedModel) => Promise<T>): Promise<T> {
  const runtime = createNodeRuntime({ device });
  try {
    const model = await loadModel(runtime, modelPath);
    try {
      return await use(model);
    } finally {
      await model.dispose();
    }
  } finally {
    await runtime.dispose();
  }
}

async function logits(model: LoadedModel): Promise<Float32Array[]> {
  const texts = ["One day, a cat saw a big red ball.", "Once"];
  const rows = texts.map((text) => Int32Array.of(0, ...model.tokenizer.encode(text)));
  const passes = [
    rows.map((tokens) => ({ tokens, positions: tokens.length })),
    rows.map((_, i) => ({ tokens: [5 + i, 9] })),
  ];
  const cache = await model.createCache({ rows: rows.length });
  try {
    const all: Float32Array[] = [];
    for (const feeds of passes) {
      const result = await model.forward(cache, feeds, { heads: 3, topK: 1, logits: true });
      all.push(result.logits?.data ?? new Float32Array());
    }
    return all;
  } finally {
    await cache.dispose();
  }
}

it.skipIf(!existsSync(driver))("agree within 1e-3 on every logit", async () => {
  const [cpu, gpu] = [await on("cpu", logits), await on("webgpu", logits)];
  for (const [i, expected] of cpu.entries()) {
    let worst = 0;
    for (let j = 0; j < expected.length; j++) {
      worst = Math.max(worst, Math.abs((expected[j] ?? 0) - (gpu[i]?.[j] ?? NaN)));
    }
    expect(worst).toBeLessThan(1e-3);
  }
});

it.skipIf(!existsSync(driver))("write the same greedy text, verified or not", async () => {
  const texts = async (model: LoadedModel): Promise<string[]> => {
    const options = { maxNewTokens: 12, seed: 1 };
    const plain = await generate(model, "The little dog", { ...options, strategy: autoregressive({ temperature: 0 }) });
    const checked = await generate(model, "The little dog", { ...options, strategy: verified({ temperature: 0 }) });
    return [plain.text, checked.text];
  };
  const [cpu, gpu] = [await on("cpu", texts), await on("webgpu", texts)];
  expect(gpu).toEqual(cpu);
  expect(cpu[0]).toBe(cpu[1]);
});
