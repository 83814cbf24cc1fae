/**
 * Writes the few small ONNX models that the runtime itself runs: the GPU cache's edits, the probe, the measurement.
 * Language models' graphs are @dynamo/onnx's business; a runtime that depended on it would turn an arrow around.
 * Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
import type { DType } from "@dynamo/core";

export interface SmallValue {
  readonly name: string;
  readonly dtype: DType;
  /** A string is a symbolic dimension. */
  readonly dims: readonly (number | string)[];
}

export interface SmallNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Whole numbers and lists of them: all that these graphs need. */
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>;
}

export interface SmallInitializer {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly number[];
  /** Little-endian. */
  readonly bytes: Uint8Array;
}

export interface SmallGraph {
  readonly inputs: readonly SmallValue[];
  readonly outputs: readonly SmallValue[];
  readonly nodes: readonly SmallNode[];
  readonly initializers?: readonly SmallInitializer[];
}

/** TensorProto.DataType. */
const elementTypes: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  bfloat16: 16,
};

const irVersion = 8;
const opset = 17;
/** AttributeProto.AttributeType. */
const attributeTypes = { int: 2, ints: 7 } as const;

/** The bytes of an ONNX model, opset 17. */
export function encodeSmallOnnx(graph: SmallGraph): Uint8Array {
  return concat([
    integer(1, irVersion),
    message(
      7,
      concat([
        ...graph.nodes.map((node) => message(1, encodeNode(node))),
        text(2, "small"),
        ...(graph.initializers ?? []).map((initializer) => message(5, encodeInitializer(initializer))),
        ...graph.inputs.map((value) => message(11, encodeValue(value))),
        ...graph.outputs.map((value) => message(12, encodeValue(value))),
      ]),
    ),
    message(8, concat([text(1, ""), integer(2, opset)])),
  ]);
}

function encodeNode({ op, inputs, outputs, attributes = {} }: SmallNode): Uint8Array {
  return concat([
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, op),
    ...Object.entries(attributes).map(([name, value]) => {
      const body =
        typeof value === "number"
          ? [integer(3, value), integer(20, attributeTypes.int)]
          : [...value.map((item) => integer(8, item)), integer(20, attributeTypes.ints)];
      return message(5, concat([text(1, name), ...body]));
    }),
  ]);
}

function encodeInitializer({ name, dtype, dims, bytes }: SmallInitializer): Uint8Array {
  return concat([
    ...dims.map((dim) => integer(1, dim)),
    integer(2, elementTypes[dtype]),
    text(8, name),
    message(9, bytes),
  ]);
}

function encodeValue({ name, dtype, dims }: SmallValue): Uint8Array {
  const shape = dims.map((dim) => message(1, typeof dim === "number" ? integer(1, dim) : text(2, dim)));
  const tensorType = concat([integer(1, elementTypes[dtype]), message(2, concat(shape))]);
  return concat([text(1, name), message(2, message(1, tensorType))]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  // Protobuf writes a negative int64 as its 64-bit two's complement.
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return [...bytes, Number(rest)];
}

function integer(field: number, value: number): Uint8Array {
  return Uint8Array.from([...varint(field << 3), ...varint(value)]);
}

function message(field: number, body: Uint8Array): Uint8Array {
  return concat([Uint8Array.from([...varint((field << 3) | 2), ...varint(body.length)]), body]);
}

function text(field: number, value: string): Uint8Array {
  return message(field, new TextEncoder().encode(value));
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
