/**
 * A GPT-NeoX checkpoint as a GGUF file, for llama.cpp: the same weights, 8-bit matrices (Q8_0) or floats.
 * Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
import { open, type FileHandle } from "node:fs/promises";
import type { ModelConfig } from "@dynamo/model";
import { neoxSettings } from "./neox-settings.js";

export interface GgufOptions {
  readonly config: ModelConfig;
  readonly read: (name: string) => Promise<Float32Array>;
  readonly quantised: boolean;
}

/** ggml_type. */
const types = { f32: 0, q8: 8 } as const;
const alignment = 32;
/** Values that share a scale in Q8_0, and the bytes of a block: a float16 scale and as many int8. */
const [blockValues, blockBytes] = [32, 34] as const;

interface Tensor {
  readonly name: string;
  /** The innermost first. */
  readonly dims: readonly number[];
  readonly type: keyof typeof types;
  readonly values: () => Promise<Float32Array>;
}

export async function writeGguf(file: string, options: GgufOptions): Promise<void> {
  const tensors = tensorsOf(options);
  const header = writer();
  header.bytes(new TextEncoder().encode("GGUF"));
  header.u32(3);
  header.u64(tensors.length);
  const metadata = metadataOf(options.config);
  header.u64(metadata.length);
  for (const [key, value] of metadata) header.keyValue(key, value);
  let offset = 0;
  for (const { name, dims, type } of tensors) {
    header.text(name);
    header.u32(dims.length);
    for (const dim of dims) header.u64(dim);
    header.u32(types[type]);
    header.u64(offset);
    offset += aligned(byteLength(dims, type));
  }
  const handle = await open(file, "w");
  try {
    await writePadded(handle, header.finish());
    for (const { type, values } of tensors) {
      const data = await values();
      await writePadded(
        handle,
        type === "q8" ? quantise(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      );
    }
  } finally {
    await handle.close();
  }
}

const aligned = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;

function byteLength(dims: readonly number[], type: keyof typeof types): number {
  const size = dims.reduce((product, dim) => product * dim, 1);
  return type === "q8" ? (size / blockValues) * blockBytes : 4 * size;
}

async function writePadded(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  await handle.writeFile(bytes);
  await handle.writeFile(new Uint8Array(aligned(bytes.length) - bytes.length));
}

function tensorsOf({ config, read, quantised }: GgufOptions): Tensor[] {
  const { hiddenSize: hidden, intermediateSize: inner, vocabularySize: words } = config;
  const matrix = (name: string, from: string, input: number, output: number, order?: Reorder): Tensor => ({
    ...{ name: `${name}.weight`, dims: [input, output], type: quantised ? "q8" : "f32" },
    values: async () => (order === undefined ? read(from) : order(await read(from), input)),
  });
  const vector = (name: string, from: string, size: number, order?: Reorder): Tensor => ({
    ...{ name, dims: [size], type: "f32" },
    values: async () => (order === undefined ? read(from) : order(await read(from), 1)),
  });
  const linear = (name: string, from: string, input: number, output: number, order?: Reorder): Tensor[] => [
    matrix(name, `${from}.weight`, input, output, order),
    vector(`${name}.bias`, `${from}.bias`, output, order),
  ];
  const norm = (name: string, from: string): Tensor[] =>
    ["weight", "bias"].map((part) => vector(`${name}.${part}`, `${from}.${part}`, hidden));
  const layer = (i: number): Tensor[] => {
    const [to, from] = [`blk.${i}`, `gpt_neox.layers.${i}`];
    return [
      ...norm(`${to}.attn_norm`, `${from}.input_layernorm`),
      ...norm(`${to}.ffn_norm`, `${from}.post_attention_layernorm`),
      ...linear(`${to}.attn_qkv`, `${from}.attention.query_key_value`, hidden, 3 * hidden, queriesFirst(config)),
      ...linear(`${to}.attn_output`, `${from}.attention.dense`, hidden, hidden),
      ...linear(`${to}.ffn_up`, `${from}.mlp.dense_h_to_4h`, hidden, inner),
      ...linear(`${to}.ffn_down`, `${from}.mlp.dense_4h_to_h`, inner, hidden),
    ];
  };
  return [
    matrix("token_embd", "gpt_neox.embed_in.weight", hidden, words),
    ...norm("output_norm", "gpt_neox.final_layer_norm"),
    matrix("output", "embed_out.weight", hidden, words),
    ...Array.from({ length: config.layers }, (_, i) => layer(i)).flat(),
  ];
}

type Reorder = (values: Float32Array, width: number) => Float32Array;

/** Rows [head, 3, headSize] of GPT-NeoX as [3, head, headSize]: all queries, all keys, all values. */
function queriesFirst({ attentionHeads, headSize }: ModelConfig): Reorder {
  return (values, width) => {
    const out = new Float32Array(values.length);
    const part = headSize * width;
    for (let head = 0; head < attentionHeads; head++) {
      for (let kind = 0; kind < 3; kind++) {
        const from = (head * 3 + kind) * part;
        out.set(values.subarray(from, from + part), (kind * attentionHeads + head) * part);
      }
    }
    return out;
  };
}

function quantise(values: Float32Array): Uint8Array {
  const blocks = values.length / blockValues;
  const bytes = new Uint8Array(blocks * blockBytes);
  const view = new DataView(bytes.buffer);
  for (let block = 0; block < blocks; block++) {
    const own = values.subarray(block * blockValues, (block + 1) * blockValues);
    const largest = own.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const scale = largest / 127;
    view.setUint16(block * blockBytes, float16(scale), true);
    for (const [i, value] of own.entries())
      view.setInt8(block * blockBytes + 2 + i, scale === 0 ? 0 : Math.round(value / scale));
  }
  return bytes;
}

/** Of a number that is 0 or within float16's normal range, rounded. */
function float16(value: number): number {
  const bits = new DataView(new ArrayBuffer(4));
  bits.setFloat32(0, value);
  const float = bits.getUint32(0);
  if (value < 2 ** -14) return Math.round(value * 2 ** 24);
  return Math.min(0x7bff, (((float >>> 23) & 0xff) - 112) * 1024 + Math.round((float & 0x7fffff) / 8192));
}

type Value =
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly bool: boolean }
  | { readonly text: string }
  | { readonly texts: readonly string[] }
  | { readonly i32s: readonly number[] };

function metadataOf(config: ModelConfig): (readonly [string, Value])[] {
  const name = "gptneox";
  const { rotaryDimensions, rotaryBase, layerNormEpsilon } = neoxSettings(config);
  const words = Array.from({ length: config.vocabularySize }, (_, id) => `token${id}`);
  return [
    ["general.architecture", { text: name }],
    [`${name}.context_length`, { u32: config.contextLength }],
    [`${name}.embedding_length`, { u32: config.hiddenSize }],
    [`${name}.block_count`, { u32: config.layers }],
    [`${name}.feed_forward_length`, { u32: config.intermediateSize }],
    [`${name}.rope.dimension_count`, { u32: rotaryDimensions }],
    [`${name}.rope.freq_base`, { f32: rotaryBase }],
    [`${name}.attention.head_count`, { u32: config.attentionHeads }],
    [`${name}.use_parallel_residual`, { bool: true }],
    [`${name}.attention.layer_norm_epsilon`, { f32: layerNormEpsilon }],
    // A tokenizer has to be there; only ids are used.
    ["tokenizer.ggml.model", { text: "gpt2" }],
    ["tokenizer.ggml.pre", { text: "gpt-2" }],
    ["tokenizer.ggml.tokens", { texts: words }],
    ["tokenizer.ggml.token_type", { i32s: words.map(() => 1) }],
    ["tokenizer.ggml.merges", { texts: ["t o"] }],
    ["tokenizer.ggml.bos_token_id", { u32: 0 }],
    ["tokenizer.ggml.eos_token_id", { u32: 0 }],
  ];
}

interface Writer {
  readonly bytes: (bytes: Uint8Array) => void;
  readonly u32: (value: number) => void;
  readonly u64: (value: number) => void;
  readonly text: (value: string) => void;
  readonly keyValue: (key: string, value: Value) => void;
  readonly finish: () => Uint8Array;
}

/** gguf_metadata_value_type. */
const valueTypes = { u32: 4, i32: 5, f32: 6, bool: 7, text: 8, array: 9 } as const;

function writer(): Writer {
  const parts: Uint8Array[] = [];
  const number = (size: number, set: (view: DataView) => void): void => {
    const view = new DataView(new ArrayBuffer(size));
    set(view);
    parts.push(new Uint8Array(view.buffer));
  };
  const own: Writer = {
    bytes: (bytes) => void parts.push(bytes),
    u32: (value) => number(4, (view) => view.setUint32(0, value, true)),
    u64: (value) => number(8, (view) => view.setBigUint64(0, BigInt(value), true)),
    text(value) {
      const bytes = new TextEncoder().encode(value);
      own.u64(bytes.length);
      parts.push(bytes);
    },
    keyValue(key, value) {
      own.text(key);
      if ("u32" in value) [valueTypes.u32, value.u32].forEach(own.u32);
      else if ("f32" in value) {
        own.u32(valueTypes.f32);
        number(4, (view) => view.setFloat32(0, value.f32, true));
      } else if ("bool" in value) {
        own.u32(valueTypes.bool);
        parts.push(Uint8Array.of(Number(value.bool)));
      } else if ("text" in value) {
        own.u32(valueTypes.text);
        own.text(value.text);
      } else if ("texts" in value) {
        [valueTypes.array, valueTypes.text].forEach(own.u32);
        own.u64(value.texts.length);
        value.texts.forEach(own.text);
      } else {
        [valueTypes.array, valueTypes.i32].forEach(own.u32);
        own.u64(value.i32s.length);
        value.i32s.forEach((each) => number(4, (view) => view.setInt32(0, each, true)));
      }
    },
    finish: () => new Uint8Array(Buffer.concat(parts)),
  };
  return own;
}
