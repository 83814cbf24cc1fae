/**
 * A checkpoint as a GGUF file, for llama.cpp: the same weights, matrices of 4 or 8 bits (Q4_0, Q8_0) or floats.
 * Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
import { open, type FileHandle } from "node:fs/promises";
import { metadataOf, tensorsOf } from "./gguf-models.js";
import { types, type GgufOptions, type GgufType, type GgufValue } from "./gguf-types.js";

const alignment = 32;
/** Values that share a scale, and the bytes of a block: a float16 scale and as many values of 4 or 8 bits. */
const blockValues = 32;
const blockBytes = { q4: 18, q8: 34 } as const;

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
        type === "f32" ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : packers[type](data),
      );
    }
  } finally {
    await handle.close();
  }
}

const aligned = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;

function byteLength(dims: readonly number[], type: GgufType): number {
  const size = dims.reduce((product, dim) => product * dim, 1);
  return type === "f32" ? 4 * size : (size / blockValues) * blockBytes[type];
}

async function writePadded(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  await handle.writeFile(bytes);
  await handle.writeFile(new Uint8Array(aligned(bytes.length) - bytes.length));
}

const packers: Readonly<Record<"q4" | "q8", (values: Float32Array) => Uint8Array>> = { q4: quantise4, q8: quantise8 };

function quantise8(values: Float32Array): Uint8Array {
  return eachBlock(values, blockBytes.q8, (own, view, at) => {
    const largest = own.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const scale = largest / 127;
    view.setUint16(at, float16(scale), true);
    for (const [i, value] of own.entries()) view.setInt8(at + 2 + i, scale === 0 ? 0 : Math.round(value / scale));
  });
}

/** Q4_0: value i in the low half of byte i, value i + 16 in its high half; the outermost value has the code 0. */
function quantise4(values: Float32Array): Uint8Array {
  return eachBlock(values, blockBytes.q4, (own, view, at) => {
    const outermost = own.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
    const scale = outermost / -8;
    view.setUint16(at, float16(Math.abs(scale)) | (scale < 0 ? 0x8000 : 0), true);
    const code = (value: number): number =>
      scale === 0 ? 8 : Math.min(15, Math.max(0, Math.round(value / scale) + 8));
    for (let i = 0; i < 16; i++) view.setUint8(at + 2 + i, code(own[i] as number) | (code(own[i + 16] as number) << 4));
  });
}

function eachBlock(
  values: Float32Array,
  size: number,
  pack: (own: Float32Array, view: DataView, at: number) => void,
): Uint8Array {
  const blocks = values.length / blockValues;
  const bytes = new Uint8Array(blocks * size);
  const view = new DataView(bytes.buffer);
  for (let block = 0; block < blocks; block++)
    pack(values.subarray(block * blockValues, (block + 1) * blockValues), view, block * size);
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

interface Writer {
  readonly bytes: (bytes: Uint8Array) => void;
  readonly u32: (value: number) => void;
  readonly u64: (value: number) => void;
  readonly text: (value: string) => void;
  readonly keyValue: (key: string, value: GgufValue) => void;
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
