import { outputEmbedding } from "../architectures/tensor-names.js";
import { DynamoError, toFloat16 } from "@dynamo/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memoryFiles, safetensors, type Contents, type StoredTensor } from "../../test/memory-files.js";
import { checkTokenizerFits, openCheckpoint } from "./checkpoint.js";
import { parseConfig } from "../architectures/config.js";
import { baseShapes, headShapes, type Shapes } from "../architectures/tensor-names.js";

const json = {
  model_type: "gpt_neox",
  vocab_size: 7,
  hidden_size: 8,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 12,
  rotary_pct: 0.5,
  max_position_embeddings: 16,
};

/** Every tensor holds 1, 2, 3 … times a small number that float16 and bfloat16 hold too. */
function filled(shapes: Shapes): StoredTensor[] {
  return [...shapes].map(([name, shape]) => {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1)).map((_, i) => ((i % 200) - 100) / 64);
    return { name, shape, data };
  });
}

const shapesOf = (config: object, ...heads: number[]): Shapes => {
  const parsed = parseConfig(config);
  return new Map([...baseShapes(parsed), ...heads.flatMap((head) => [...headShapes(parsed, head)])]);
};
const base = filled(shapesOf(json));

const folder = (tensors: readonly StoredTensor[], config: object = json): Contents => ({
  "config.json": JSON.stringify(config),
  "model.safetensors": safetensors(tensors),
});
const change = (name: string, by: (tensor: StoredTensor) => StoredTensor[]): StoredTensor[] =>
  base.flatMap((tensor) => (tensor.name === name ? by(tensor) : [tensor]));

const query = "gpt_neox.layers.1.attention.query_key_value.weight";
const valuesOf = (name: string): Float32Array => base.find((tensor) => tensor.name === name)?.data as Float32Array;

describe("openCheckpoint", () => {
  it("reads one tensor at a time, and again at each call", async () => {
    const files = memoryFiles(folder(base));
    const checkpoint = await openCheckpoint(files);
    expect(checkpoint.config.hiddenSize).toBe(8);
    expect([...checkpoint.shapes.keys()]).toEqual(base.map(({ name }) => name));
    const before = files.reads.length;
    const first = await checkpoint.read(query);
    expect(first).toEqual(valuesOf(query));
    first.fill(0);
    expect(await checkpoint.read(query)).toEqual(valuesOf(query));
    expect(files.reads.length).toBe(before + 2);
    await checkpoint.close();
    expect(files.closed).toBe(1);
  });

  it.each(["float16", "bfloat16"] as const)("widens %s", async (dtype) => {
    const halves = base.map(({ name, shape, data }): StoredTensor => {
      const bits = new Uint32Array(data.buffer);
      const stored = Uint16Array.from(data, (value, i) =>
        dtype === "float16" ? toFloat16(value) : (bits[i] as number) >>> 16,
      );
      return { name, shape, dtype, data: stored };
    });
    const checkpoint = await openCheckpoint(memoryFiles(folder(halves)));
    expect(await checkpoint.read(query)).toEqual(valuesOf(query));
  });

  it("ignores the buffers of older exports and other tensors that it does not know", async () => {
    const extra: StoredTensor[] = [
      { name: "gpt_neox.layers.0.attention.bias", shape: [1, 1, 4, 4], data: new Uint8Array(16), dtype: "uint8" },
      { name: "gpt_neox.layers.0.attention.masked_bias", shape: [], data: Float32Array.of(-1e9) },
      { name: "gpt_neox.layers.0.attention.rotary_emb.inv_freq", shape: [2], data: Float32Array.of(1, 0.01) },
    ];
    const checkpoint = await openCheckpoint(memoryFiles(folder([...extra, ...base])));
    expect(checkpoint.shapes.size).toBe(base.length);
    for (const { name } of extra) {
      expect(checkpoint.has(name)).toBe(false);
      await expect(checkpoint.read(name)).rejects.toMatchObject({ code: "not-found" });
    }
  });

  it("finds tensors whose names lack the prefix", async () => {
    const bare = base.map((tensor) => ({ ...tensor, name: tensor.name.replace("gpt_neox.", "") }));
    const checkpoint = await openCheckpoint(memoryFiles(folder(bare)));
    expect(checkpoint.has(query)).toBe(true);
    expect(await checkpoint.read(query)).toEqual(valuesOf(query));
  });

  it("has the input embedding alone where embeddings are tied", async () => {
    const tied = base.filter(({ name }) => name !== "embed_out.weight");
    const checkpoint = await openCheckpoint(memoryFiles(folder(tied, { ...json, tie_word_embeddings: true })));
    expect(checkpoint.has("embed_out.weight")).toBe(false);
    const output = outputEmbedding(checkpoint.config, 1);
    expect(await checkpoint.read(output)).toEqual(valuesOf("gpt_neox.embed_in.weight"));
  });

  it("asks for no biases that attention_bias false leaves out, and for all others", async () => {
    const product = /attention\.(query_key_value|dense)\.bias$/;
    const without = base.filter(({ name }) => !product.test(name));
    const checkpoint = await openCheckpoint(memoryFiles(folder(without, { ...json, attention_bias: false })));
    expect([...checkpoint.shapes.keys()].filter((name) => product.test(name))).toEqual([]);
    await expect(checkpoint.read("gpt_neox.layers.0.attention.dense.bias")).rejects.toMatchObject({
      code: "not-found",
    });
    const bare = base.filter(({ name }) => !name.endsWith("mlp.dense_h_to_4h.bias"));
    await expect(openCheckpoint(memoryFiles(folder(bare)))).rejects.toMatchObject({ code: "invalid-file" });
  });
});

describe("token heads", () => {
  it.each([
    ["as many as the config names", 3, [2, 3]],
    ["fewer", 3, [2]],
    ["none", 3, []],
    ["more", 1, [2, 3]],
    ["one that skips a number", 3, [3]],
  ])("in the file: %s", async (_, named, heads) => {
    const config = { ...json, dynamo: { token_heads: named } };
    const checkpoint = await openCheckpoint(memoryFiles(folder(filled(shapesOf(config, ...heads)), config)));
    expect(checkpoint.trainedHeads).toEqual(heads);
    for (const head of [2, 3, 4]) {
      const name = `dynamo.token_heads.${head}.mlp.dense_h_to_4h.weight`;
      expect(checkpoint.has(name)).toBe(heads.includes(head));
      if (heads.includes(head)) expect(await checkpoint.read(name)).toHaveLength(96);
    }
  });

  it("half a head is a damaged file", async () => {
    const config = { ...json, dynamo: { token_heads: 2 } };
    const half = filled(shapesOf(config, 2)).filter(
      ({ name }) => name !== "dynamo.token_heads.2.mlp.dense_4h_to_h.bias",
    );
    await expect(openCheckpoint(memoryFiles(folder(half, config)))).rejects.toThrow(
      /dynamo\.token_heads\.2\.mlp\.dense_4h_to_h\.bias is missing/,
    );
  });
});

describe("files that disagree or are damaged", () => {
  const opened = (contents: Contents): Promise<unknown> => openCheckpoint(memoryFiles(contents));

  it.each([
    ["a missing tensor", change(query, () => []), /query_key_value\.weight is missing/],
    [
      "another shape of as many elements",
      change(query, (tensor) => [{ ...tensor, shape: [8, 24] }]),
      /layers\.1\.attention\.query_key_value\.weight has shape \[8, 24\], expected \[24, 8\]/,
    ],
    [
      "another dtype",
      change(query, ({ name, shape }) => [{ name, shape, dtype: "uint8", data: new Uint8Array(192) }]),
      /query_key_value\.weight is uint8, expected F32, F16 or BF16/,
    ],
  ])("%s is named", async (_, tensors, message) => {
    await expect(opened(folder(tensors))).rejects.toMatchObject({
      code: "invalid-file",
      message: expect.stringMatching(message),
    });
  });

  it("lists ten problems and counts the rest", async () => {
    const layers = 4;
    const error: unknown = await opened(folder(base, { ...json, num_hidden_layers: layers })).catch(
      (cause: unknown) => cause,
    );
    const message = (error as DynamoError).message;
    expect(message.match(/is missing/g)).toHaveLength(10);
    // Two layers of twelve tensors are missing.
    expect(message).toContain("and 14 more");
  });

  it.each([NaN, Infinity, -Infinity])("%d among the weights is named when they are read", async (value) => {
    const poisoned = change(query, (tensor) => [
      { ...tensor, data: (tensor.data as Float32Array).slice().fill(value, 5, 6) },
    ]);
    const checkpoint = await openCheckpoint(memoryFiles(folder(poisoned)));
    await expect(checkpoint.read(query)).rejects.toMatchObject({
      code: "invalid-file",
      message: expect.stringContaining(`${query}[5] is ${value}`),
    });
    expect(await checkpoint.read("embed_out.weight")).toEqual(valuesOf("embed_out.weight"));
  });

  it("closes the files when it cannot open them", async () => {
    const files = memoryFiles(folder(base.slice(1)));
    await expect(openCheckpoint(files)).rejects.toThrow(DynamoError);
    expect(files.closed).toBe(1);
  });

  it.each([
    ["config.json", { "model.safetensors": safetensors(base) }, /config\.json/],
    [
      "weights",
      { "config.json": JSON.stringify(json) },
      /neither model\.safetensors nor model\.safetensors\.index\.json/,
    ],
  ])("missing %s is not found", async (_, contents, message) => {
    await expect(opened(contents as Contents)).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringMatching(message),
    });
  });

  it("opens, or refuses with a DynamoError, weights that were cut off or changed anywhere", async () => {
    const whole = safetensors(base);
    const header = 8 + Number(new DataView(whole.buffer).getBigUint64(0, true));
    const cut = fc.nat(whole.length).map((length) => whole.subarray(0, length));
    const flipped = fc.array(fc.tuple(fc.nat(header - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }).map((flips) => {
      const bytes = whole.slice();
      for (const [at, byte] of flips) bytes[at] = byte;
      return bytes;
    });
    await fc.assert(
      fc.asyncProperty(fc.oneof(cut, flipped), async (bytes) => {
        try {
          const checkpoint = await openCheckpoint(memoryFiles({ ...folder([]), "model.safetensors": bytes }));
          for (const name of checkpoint.shapes.keys()) await checkpoint.read(name);
        } catch (error) {
          expect(DynamoError.is(error) ? error.code : error).toBe("invalid-file");
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("shards", () => {
  const middle = 10;
  const names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] as const;
  const weightMap = Object.fromEntries(base.map(({ name }, i) => [name, names[i < middle ? 0 : 1]]));
  const sharded = (map: unknown = weightMap): Contents => ({
    "config.json": JSON.stringify(json),
    "model.safetensors.index.json": JSON.stringify({ metadata: { total_size: 1 }, weight_map: map }),
    [names[0]]: safetensors(base.slice(0, middle)),
    [names[1]]: safetensors(base.slice(middle)),
  });
  const refusal = (contents: Contents): Promise<unknown> =>
    openCheckpoint(memoryFiles(contents)).catch((error: unknown) => error);

  it("are read as one checkpoint", async () => {
    const checkpoint = await openCheckpoint(memoryFiles(sharded()));
    for (const { name, data } of base) expect(await checkpoint.read(name)).toEqual(data);
  });

  it.each(names)("%s is named when it is missing", async (shard) => {
    const contents = Object.fromEntries(Object.entries(sharded()).filter(([name]) => name !== shard));
    expect(await refusal(contents)).toMatchObject({
      code: "not-found",
      message: expect.stringContaining(`shard ${shard} is missing`),
    });
  });

  it.each([
    [
      "puts a tensor into the wrong shard",
      { ...weightMap, "embed_out.weight": names[0] },
      /puts embed_out\.weight into model-00001.*in model-00002/,
    ],
    [
      "names a tensor that is nowhere",
      { ...weightMap, "gpt_neox.layers.2.x": names[0] },
      /gpt_neox\.layers\.2\.x.*in no file/,
    ],
    ["has no weight_map", null, /expected a weight_map/],
    ["is empty", {}, /expected a weight_map/],
    ["has numbers for files", { ...weightMap, a: 3 }, /expected a weight_map/],
    [
      "leaves the folder",
      { ...weightMap, a: "../../etc/passwd" },
      /inside the model's folder, received "\.\.\/\.\.\/etc\/passwd"/,
    ],
    ["names an absolute path", { ...weightMap, a: "/etc/passwd" }, /inside the model's folder/],
    [
      "names 1,025 files",
      Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [`t${i}`, `s${i}`])),
      /at most 1024 shards, received 1025/,
    ],
    ["names a file that is no safetensors", { ...weightMap, a: "config.json" }, /config\.json: safetensors/],
  ])("an index that %s is refused", async (_, map, message) => {
    expect(await refusal(sharded(map))).toMatchObject({
      code: "invalid-file",
      message: expect.stringMatching(message),
    });
  });

  it("that both have a tensor are refused", async () => {
    const twice = { ...sharded(), [names[1]]: safetensors(base.slice(middle - 1)) };
    expect(await refusal(twice)).toMatchObject({
      code: "invalid-file",
      message: expect.stringMatching(/stands in both/),
    });
  });
});

describe("checkTokenizerFits", () => {
  const config = parseConfig(json);

  it("lets a tokenizer be smaller than the vocabulary, not larger", () => {
    expect(() => {
      checkTokenizerFits(7, config);
      checkTokenizerFits(5, config);
    }).not.toThrow();
    expect(() => {
      checkTokenizerFits(8, config);
    }).toThrow(
      expect.objectContaining({ code: "invalid-file", message: expect.stringMatching(/vocab_size 7.*received 8/) }),
    );
  });
});
