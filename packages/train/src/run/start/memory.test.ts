import { parseConfig, presets, type ModelConfig } from "@dynamo/model";
import { describe, expect, test } from "vitest";
import { checkMemory, estimateMemory, memoryLimit } from "./memory.js";

interface Measured {
  readonly hiddenSize: number;
  readonly layers: number;
  readonly batch: number;
  readonly sequence: number;
  readonly tokenHeads: number;
  readonly train: "all" | "heads";
  readonly headLora?: { readonly rank: number };
  /** The process's largest resident memory in GB, a start and two checkpoints included; Linux, 2 cores. */
  readonly gigabytes: number;
}

const measured: readonly Measured[] = [
  { hiddenSize: 64, layers: 3, batch: 16, sequence: 64, tokenHeads: 3, train: "all", gigabytes: 0.3 },
  { hiddenSize: 128, layers: 4, batch: 16, sequence: 256, tokenHeads: 3, train: "all", gigabytes: 0.86 },
  { hiddenSize: 256, layers: 6, batch: 16, sequence: 256, tokenHeads: 3, train: "heads", gigabytes: 0.79 },
  { hiddenSize: 512, layers: 6, batch: 8, sequence: 512, tokenHeads: 3, train: "all", gigabytes: 3.83 },
  { hiddenSize: 512, layers: 4, batch: 2, sequence: 1024, tokenHeads: 1, train: "all", gigabytes: 1.9 },
  { hiddenSize: 1024, layers: 6, batch: 2, sequence: 128, tokenHeads: 3, train: "all", gigabytes: 4.78 },
  {
    hiddenSize: 1024,
    layers: 6,
    batch: 2,
    sequence: 128,
    tokenHeads: 3,
    train: "heads",
    headLora: { rank: 8 },
    gigabytes: 1.94,
  },
];

const modelOf = ({ hiddenSize, layers, tokenHeads }: Measured): ModelConfig => ({
  ...parseConfig({
    architectures: ["GPTNeoXForCausalLM"],
    model_type: "gpt_neox",
    vocab_size: 2048,
    hidden_size: hiddenSize,
    num_hidden_layers: layers,
    num_attention_heads: Math.max(2, hiddenSize / 64),
    intermediate_size: 4 * hiddenSize,
    max_position_embeddings: 1024,
  }),
  tokenHeads,
});

describe("the memory that a run needs", () => {
  test.each(measured)("is estimated within a fifth: $hiddenSize wide, $batch × $sequence, $train, $headLora", (run) => {
    const ratio = estimateMemory(modelOf(run), run).total / (run.gigabytes * 1e9);
    expect([ratio > 0.8, ratio < 1.2, ratio]).toEqual([true, true, expect.any(Number)]);
  });

  // Measured as docs/training-large-bases.md says.
  test.each([
    ["410M", 2.93],
    ["1.4B", 7.77],
  ] as const)("is estimated within a fifth on a stem session: %s", (name, gigabytes) => {
    const run = { batch: 2, sequence: 256, train: "heads", stem: "session", stemDtype: "q8" } as const;
    const ratio = estimateMemory(presets(name, 3), run).total / (gigabytes * 1e9);
    expect([ratio > 0.8, ratio < 1.2, ratio]).toEqual([true, true, expect.any(Number)]);
  });

  test("counts heads' own output embeddings as trained", () => {
    const run = measured[5] as Measured;
    const [config, size] = [modelOf(run), 2048 * 1024];
    const more = (train: "all" | "heads"): number =>
      estimateMemory({ ...config, ownOutputEmbedding: true }, { ...run, train }).total -
      estimateMemory(config, { ...run, train }).total;
    for (const train of ["all", "heads"] as const) expect(more(train) / (2 * size * 16)).toBeCloseTo(2.6, 6);
  });

  test("is compared with what there is", () => {
    const run = measured[0] as Measured;
    const { total } = estimateMemory(modelOf(run), run);
    expect(() => checkMemory(modelOf(run), run, total)).not.toThrow();
    expect(() => checkMemory(modelOf(run), run, total - 1)).toThrow(/needs about 2\d\d\.\d MB .*: lower batch/);
    expect(memoryLimit()).toBeGreaterThan(2 ** 28);
    expect(Number.isFinite(memoryLimit())).toBe(true);
  });
});
