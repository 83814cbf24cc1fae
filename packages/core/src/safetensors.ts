/**
 * The safetensors container: an 8-byte little-endian header length, a JSON header, then the tensors' bytes.
 * Reading trusts nothing; see https://github.com/huggingface/safetensors#format.
 */
import { byteSize, type DType } from "./dtype.js";
import { DynamoError } from "./errors.js";
import { elementCount } from "./tensor.js";
import { checkValue, isPlainObject, valueCheck, whole } from "./value-checks.js";

/** The format's own limit: a longer header is an attack, not a model. */
export const maxHeaderBytes = 100_000_000;
/** No real checkpoint has more axes; stops hostile shape lists. */
const maxRank = 16;

const dtypes: Readonly<Record<string, DType>> = {
  F64: "float64",
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
  I64: "int64",
  I32: "int32",
  I8: "int8",
  U32: "uint32",
  U16: "uint16",
  U8: "uint8",
  BOOL: "bool",
};
const names = Object.fromEntries(Object.entries(dtypes).map(([name, dtype]) => [dtype, name])) as Record<DType, string>;

/** One tensor of a safetensors file. */
export interface SafetensorsEntry {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Where the tensor's bytes start in the file. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** What a safetensors file says of its tensors. */
export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Tensors' names stand in messages, and may be as long as the header. */
const maxMessageLength = 500;

function fail(message: string): never {
  throw new DynamoError("invalid-file", `safetensors: ${message.slice(0, maxMessageLength)}`);
}

const bytesCheck = valueCheck<Uint8Array>("a Uint8Array", (value) => ArrayBuffer.isView(value) && "length" in value);

const tensorsCheck = valueCheck<readonly object[]>(
  "a list of { name, dtype, shape }",
  (value) =>
    Array.isArray(value) &&
    Array.from(value).every((each: { name?: unknown } | null | undefined) => typeof each?.name === "string"),
);
const textsCheck = valueCheck<Record<string, string>>(
  "an object of strings",
  (value) => isPlainObject(value) && Object.values(value as object).every((each) => typeof each === "string"),
);

/** A value for a message: short, and walked one level deep, because hostile nesting overflows the stack. */
function show(value: unknown): string {
  if (Array.isArray(value)) {
    const items = value.slice(0, maxRank).map((item) => (Array.isArray(item) ? "[...]" : show(item)));
    return `[${items.join(", ")}${value.length > maxRank ? ", ..." : ""}]`;
  }
  if (typeof value === "object" && value !== null) return "{...}";
  return typeof value === "string" ? JSON.stringify(value.slice(0, 100)) : String(value);
}

/** The JSON header's length from a file's first 8 bytes; throws `invalid-file` when it cannot be. */
export function headerByteLength(prefix: Uint8Array, fileBytes: number): number {
  checkValue("prefix", prefix, bytesCheck);
  checkValue("fileBytes", fileBytes, whole(0));
  if (prefix.length < 8 || fileBytes < 8) fail(`a file has at least 8 bytes, received ${fileBytes}`);
  const length = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes)) fail(`a header has at most ${maxHeaderBytes} bytes, this one says ${length}`);
  if (8 + Number(length) > fileBytes) fail(`the header says ${length} bytes, the file has ${fileBytes}`);
  return Number(length);
}

function entryOf(name: string, value: unknown, dataStart: number, fileBytes: number): SafetensorsEntry {
  const { dtype: dtypeName, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
  const dtype = typeof dtypeName === "string" && Object.hasOwn(dtypes, dtypeName) ? dtypes[dtypeName] : undefined;
  if (dtype === undefined) fail(`tensor ${name} has unknown dtype ${show(dtypeName)}`);
  if (!Array.isArray(shape) || shape.length > maxRank || !shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0)) {
    fail(`tensor ${name} has an impossible shape ${show(shape)}`);
  }
  const dims = shape as number[];
  let count: number;
  try {
    count = elementCount(dims);
  } catch (cause) {
    throw new DynamoError("invalid-file", `safetensors: tensor ${name} has an impossible shape [${dims.join(", ")}]`, {
      cause,
    });
  }
  const [start, end] = Array.isArray(offsets) && offsets.length === 2 ? (offsets as unknown[]) : [];
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || (start as number) < 0) {
    fail(`tensor ${name} has data_offsets ${show(offsets)}, expected [start, end]`);
  }
  const byteLength = (end as number) - (start as number);
  if (byteLength !== count * byteSize(dtype)) {
    fail(
      `tensor ${name} (${dtype} [${dims.join(", ")}]) needs ${count * byteSize(dtype)} bytes, its offsets give ${byteLength}`,
    );
  }
  if (dataStart + (end as number) > fileBytes) {
    fail(`tensor ${name} ends at byte ${dataStart + (end as number)}, the file has ${fileBytes}`);
  }
  return { dtype, shape: dims, byteOffset: dataStart + (start as number), byteLength };
}

/**
 * Reads a header from the file's first bytes (the 8-byte length and the JSON after it).
 * Throws `invalid-file` for truncated, overlapping, out-of-range or inconsistent entries.
 */
export function parseSafetensorsHeader(head: Uint8Array, fileBytes: number): SafetensorsHeader {
  const length = headerByteLength(head, fileBytes);
  if (head.length < 8 + length) fail(`the header has ${length} bytes, received ${head.length - 8}`);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(head.subarray(8, 8 + length)));
  } catch (cause) {
    throw new DynamoError("invalid-file", "safetensors: the header is not JSON", { cause });
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) fail("the header is not a JSON object");
  const tensors = new Map<string, SafetensorsEntry>();
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(json)) {
    if (name !== "__metadata__") tensors.set(name, entryOf(name, value, 8 + length, fileBytes));
    else metadata = metadataOf(value);
  }
  refuseOverlaps(tensors);
  return { tensors, metadata };
}

function metadataOf(value: unknown): Record<string, string> {
  if (typeof value !== "object" || value === null || !Object.values(value).every((text) => typeof text === "string")) {
    fail("__metadata__ must map strings to strings");
  }
  return { ...(value as Record<string, string>) };
}

function refuseOverlaps(tensors: ReadonlyMap<string, SafetensorsEntry>): void {
  const sorted = [...tensors]
    .filter(([, entry]) => entry.byteLength > 0)
    .sort((a, b) => a[1].byteOffset - b[1].byteOffset);
  for (let i = 1; i < sorted.length; i++) {
    const [before, after] = [sorted[i - 1], sorted[i]];
    if (
      before !== undefined &&
      after !== undefined &&
      before[1].byteOffset + before[1].byteLength > after[1].byteOffset
    ) {
      fail(`tensors ${before[0]} and ${after[0]} overlap`);
    }
  }
}

/** The header of a file with these tensors, in this order, padded so that the data starts on a multiple of 8 bytes. */
export function encodeSafetensorsHeader(
  tensors: readonly { readonly name: string; readonly dtype: DType; readonly shape: readonly number[] }[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  checkValue("tensors", tensors, tensorsCheck);
  checkValue("metadata", metadata, textsCheck);
  const header: Record<string, unknown> = Object.keys(metadata).length === 0 ? {} : { __metadata__: metadata };
  let offset = 0;
  for (const { name, dtype, shape } of tensors) {
    const end = offset + elementCount(shape) * byteSize(dtype);
    header[name] = { dtype: names[dtype], shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + padded).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(json, 8);
  return bytes;
}
