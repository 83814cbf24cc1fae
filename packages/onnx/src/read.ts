/** Reads an ONNX file's structure without its weights: any file size, a few small reads. Trusts nothing. */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { DynamoError, type DType } from "@dynamo/core";
import { callback, checkValue, whole } from "@dynamo/core/options";
import { bytesCheck } from "./checks.js";
import { dtypeOf, fields } from "./proto.js";

/** Bytes [offset, offset + length) of the file; shorter only at its end. */
export type RangeReader = (offset: number, length: number) => Promise<Uint8Array>;

/** What an ONNX file says of itself. */
export interface OnnxSummary {
  readonly irVersion: number;
  readonly producer: string;
  readonly opsets: Readonly<Record<string, number>>;
  readonly metadata: Readonly<Record<string, string>>;
  /** How often each operator stands in the graph, subgraphs left out. */
  readonly operators: Readonly<Record<string, number>>;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly initializers: readonly TensorSummary[];
}

/** A constant's name, dtype and dimensions. */
export interface TensorSummary {
  readonly name: string;
  readonly dtype: DType | undefined;
  readonly dims: readonly number[];
  readonly external: boolean;
}

/** The largest graph here has about 3,000 nodes and tensors; a file with more than this is not one of ours. */
const maxElements = 1_000_000;
/** A node, a name or a tensor's head; If nodes hold whole subgraphs. */
const maxMessageBytes = 16 * 2 ** 20;
/** Enough for a tag and a length, and mostly for the whole small message after them. */
const windowBytes = 4096;

type Mutable<T> = {
  -readonly [K in keyof T]: T[K] extends readonly (infer E)[]
    ? E[]
    : T[K] extends Readonly<Record<string, infer V>>
      ? Record<string, V>
      : T[K];
};

/** Throws `invalid-file` for anything that is not a well-formed ONNX file of a plausible size. */
export async function readOnnx(readBytes: RangeReader, fileBytes: number): Promise<OnnxSummary> {
  const read = checkedReader(readBytes, fileBytes);
  const summary: Mutable<OnnxSummary> = {
    irVersion: 0,
    producer: "",
    opsets: {},
    metadata: {},
    operators: {},
    inputs: [],
    outputs: [],
    initializers: [],
  };
  let graphs = 0;
  await walk(read, 0, fileBytes, async (field, wire, start, end) => {
    if (field === fields.model.graph) {
      graphs++;
      await walk(read, start, end, (inner, _, from, to) => readGraphField(read, summary, inner, from, to));
    } else if (field === fields.model.irVersion && wire === WireType.Varint) {
      summary.irVersion = new BinaryReader(await read(start, end - start)).uint32();
    } else if (field === fields.model.producerName) {
      summary.producer = new TextDecoder().decode(await readMessage(read, start, end));
    } else if (field === fields.model.opsetImport) {
      const opset = parseFields(await readMessage(read, start, end));
      summary.opsets[opset.text(fields.opset.domain)] = opset.number(fields.opset.version);
    } else if (field === fields.model.metadata) {
      const pair = parseFields(await readMessage(read, start, end));
      summary.metadata[pair.text(fields.entry.key)] = pair.text(fields.entry.value);
    }
  });
  if (graphs === 0) throw new DynamoError("invalid-file", "onnx: the file holds no graph");
  return summary;
}

/** The metadata of an ONNX file alone: its graph is passed over. Throws `invalid-file` as `readOnnx` does. */
export async function readOnnxMetadata(
  readBytes: RangeReader,
  fileBytes: number,
): Promise<Readonly<Record<string, string>>> {
  const read = checkedReader(readBytes, fileBytes);
  const metadata: Record<string, string> = {};
  await walk(read, 0, fileBytes, async (field, _, start, end) => {
    if (field !== fields.model.metadata) return;
    const pair = parseFields(await readMessage(read, start, end));
    metadata[pair.text(fields.entry.key)] = pair.text(fields.entry.value);
  });
  return metadata;
}

/** The reader, which has to give bytes. */
export function checkedReader(read: RangeReader, fileBytes: number): RangeReader {
  checkValue("read", read, callback());
  checkValue("fileBytes", fileBytes, whole(0));
  return async (offset, length) => {
    const bytes = await read(offset, length);
    checkValue("what read() resolves to", bytes, bytesCheck);
    return bytes;
  };
}

async function readGraphField(
  read: RangeReader,
  summary: Mutable<OnnxSummary>,
  field: number,
  start: number,
  end: number,
): Promise<void> {
  if (field === fields.graph.initializer) {
    summary.initializers.push(await readTensor(read, start, end));
  } else if (field === fields.graph.node) {
    const opType = parseFields(await readMessage(read, start, end)).text(fields.node.opType);
    summary.operators[opType] = (summary.operators[opType] ?? 0) + 1;
  } else if (field === fields.graph.input || field === fields.graph.output) {
    const name = parseFields(await readMessage(read, start, end)).text(fields.valueInfo.name);
    (field === fields.graph.input ? summary.inputs : summary.outputs).push(name);
  }
}

/** A tensor's head; `onRawData` is told where its bytes lie in the file. */
export async function readTensor(
  read: RangeReader,
  start: number,
  end: number,
  onRawData?: (start: number, end: number) => void,
): Promise<TensorSummary> {
  const dims: number[] = [];
  let name = "";
  let dtype: DType | undefined;
  let external = false;
  await walk(read, start, end, async (field, wire, from, to) => {
    if (field === fields.tensor.rawData) {
      onRawData?.(from, to);
      return;
    }
    const bytes = await readMessage(read, from, to);
    if (field === fields.tensor.dims) {
      const reader = new BinaryReader(bytes);
      while (reader.pos < reader.len) dims.push(Number(reader.int64()));
    } else if (field === fields.tensor.dataType && wire === WireType.Varint)
      dtype = dtypeOf(new BinaryReader(bytes).uint32());
    else if (field === fields.tensor.name) name = new TextDecoder().decode(bytes);
    else if (field === fields.tensor.dataLocation) external = new BinaryReader(bytes).uint32() === 1;
  });
  return { name, dtype, dims, external };
}

/** Visits the fields of the message in [start, end): each with the span of its value. */
export async function walk(
  read: RangeReader,
  start: number,
  end: number,
  visit: (field: number, wire: WireType, start: number, end: number) => Promise<void>,
): Promise<void> {
  let offset = start;
  let window = new Uint8Array(0);
  let windowStart = start;
  for (let count = 0; offset < end; count++) {
    if (count > maxElements)
      throw new DynamoError("invalid-file", `onnx: more than ${maxElements} parts in one message`);
    if (offset < windowStart || offset + 20 > windowStart + window.length) {
      window = new Uint8Array(await read(offset, Math.min(windowBytes, end - offset)));
      windowStart = offset;
    }
    const { field, wire, valueStart, valueEnd } = fieldAt(window, offset - windowStart, offset);
    if (valueEnd > end)
      throw new DynamoError("invalid-file", `onnx: a part ends at byte ${valueEnd}, past its parent's end ${end}`);
    await visit(field, wire, valueStart, valueEnd);
    offset = valueEnd;
  }
}

function fieldAt(
  window: Uint8Array,
  at: number,
  offset: number,
): { field: number; wire: WireType; valueStart: number; valueEnd: number } {
  try {
    const reader = new BinaryReader(window.subarray(at, at + 20));
    const [field, wire] = reader.tag();
    if (wire === WireType.LengthDelimited) {
      const length = reader.uint32();
      return { field, wire, valueStart: offset + reader.pos, valueEnd: offset + reader.pos + length };
    }
    const valueStart = offset + reader.pos;
    reader.skip(wire, field);
    return { field, wire, valueStart, valueEnd: offset + reader.pos };
  } catch (cause) {
    throw new DynamoError("invalid-file", `onnx: not a protobuf field at byte ${offset}`, { cause });
  }
}

export async function readMessage(read: RangeReader, start: number, end: number): Promise<Uint8Array> {
  if (end - start > maxMessageBytes) {
    throw new DynamoError(
      "invalid-file",
      `onnx: a part of ${end - start} bytes, at most ${maxMessageBytes} are expected`,
    );
  }
  const bytes = await read(start, end - start);
  if (bytes.length !== end - start)
    throw new DynamoError("invalid-file", `onnx: the file ends at byte ${start + bytes.length}`);
  return bytes;
}

/** The top-level text and number fields of a small message; the last one counts, as protobuf says. */
function parseFields(bytes: Uint8Array): { text(field: number): string; number(field: number): number } {
  const texts = new Map<number, Uint8Array>();
  const numbers = new Map<number, number>();
  try {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const [field, wire] = reader.tag();
      if (wire === WireType.LengthDelimited) texts.set(field, reader.bytes());
      else if (wire === WireType.Varint) numbers.set(field, Number(reader.int64()));
      else reader.skip(wire, field);
    }
  } catch (cause) {
    throw new DynamoError("invalid-file", "onnx: a damaged part", { cause });
  }
  return { text: (field) => new TextDecoder().decode(texts.get(field)), number: (field) => numbers.get(field) ?? 0 };
}
