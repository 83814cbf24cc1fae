/** Reads an ONNX file's graph, nodes and subgraphs included, without its weights: a few small reads. Trusts nothing. */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { DynamoError } from "@dynamo/core";
import { deepest } from "./checks.js";
import { attributeTypes, fields, type Attribute, type OnnxGraph, type OnnxNode, type ValueInfo } from "./proto.js";
import { checkedReader, readMessage, readTensor, walk, type RangeReader, type TensorSummary } from "./read.js";

/** A constant's name, dtype and dimensions, and its values where they are few. */
export interface TensorStructure extends TensorSummary {
  /** Of small int64 constants in the file, such as shapes and axes; undefined for weights. */
  readonly values: readonly number[] | undefined;
}

/** An input's name and dimensions. */
export interface InputStructure {
  readonly name: string;
  readonly dims: readonly (number | string)[];
}

/** A graph without its weights. */
export interface GraphStructure {
  /** In the order in which they run. */
  readonly nodes: readonly OnnxNode[];
  /** What is fed, with the names of the dims that a pass decides. */
  readonly inputs: readonly InputStructure[];
  readonly outputs: readonly string[];
  readonly initializers: readonly TensorStructure[];
}

/** Shapes and axes have a few numbers. */
const mostValues = 64;

/** Throws `invalid-file` for anything that is not a well-formed ONNX file of a plausible size. */
export async function readOnnxGraph(readBytes: RangeReader, fileBytes: number): Promise<GraphStructure> {
  const read = checkedReader(readBytes, fileBytes);
  const nodes: OnnxNode[] = [];
  const inputs: InputStructure[] = [];
  const outputs: string[] = [];
  const initializers: TensorStructure[] = [];
  let graphs = 0;
  await walk(read, 0, fileBytes, async (field, _, start, end) => {
    if (field !== fields.model.graph) return;
    graphs++;
    await walk(read, start, end, async (inner, __, from, to) => {
      if (inner === fields.graph.initializer) initializers.push(await readConstant(read, from, to));
      else if (inner === fields.graph.node) nodes.push(parsed(await readMessage(read, from, to), parseNode));
      else if (inner === fields.graph.input) inputs.push(parsed(await readMessage(read, from, to), parseValueInfo));
      else if (inner === fields.graph.output)
        outputs.push(parsed(await readMessage(read, from, to), parseValueInfo).name);
    });
  });
  if (graphs === 0) throw new DynamoError("invalid-file", "onnx: the file holds no graph");
  return { nodes, inputs, outputs, initializers };
}

async function readConstant(read: RangeReader, start: number, end: number): Promise<TensorStructure> {
  let span = [0, 0] as [number, number];
  const tensor = await readTensor(read, start, end, (...found) => (span = found));
  const [from, to] = span;
  if (tensor.dtype !== "int64" || to === from || to - from > 8 * mostValues) return { ...tensor, values: undefined };
  const bytes = await readMessage(read, from, to);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = Math.floor(bytes.byteLength / 8);
  return { ...tensor, values: Array.from({ length: count }, (_, i) => Number(view.getBigInt64(8 * i, true))) };
}

function parsed<Result>(bytes: Uint8Array, parse: (reader: BinaryReader, depth: number) => Result): Result {
  try {
    return parse(new BinaryReader(bytes), 0);
  } catch (cause) {
    if (DynamoError.is(cause)) throw cause;
    throw new DynamoError("invalid-file", "onnx: a damaged node", { cause });
  }
}

/** Calls for each field of a message; `visit` reads the value, or returns false to leave it. */
function eachField(reader: BinaryReader, visit: (field: number, wire: WireType) => boolean): void {
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (!visit(field, wire)) reader.skip(wire, field);
  }
}

function parseValueInfo(reader: BinaryReader): InputStructure {
  let name = "";
  const dims: (number | string)[] = [];
  eachField(reader, (field, wire) => {
    if (wire !== WireType.LengthDelimited) return false;
    if (field === fields.valueInfo.name) name = reader.string();
    else if (field === fields.valueInfo.type) parseType(new BinaryReader(reader.bytes()), dims);
    else return false;
    return true;
  });
  return { name, dims };
}

/** TypeProto > tensor_type > shape > dim, one message in the other. */
function parseType(type: BinaryReader, dims: (number | string)[]): void {
  const inside = (reader: BinaryReader, wanted: number, parse: (inner: BinaryReader) => void): void => {
    eachField(reader, (field, wire) => {
      if (field !== wanted || wire !== WireType.LengthDelimited) return false;
      parse(new BinaryReader(reader.bytes()));
      return true;
    });
  };
  inside(type, fields.type.tensor, (tensor) => {
    inside(tensor, fields.tensorType.shape, (shape) => {
      inside(shape, fields.shape.dim, (dim) => {
        dims.push(parseDim(dim));
      });
    });
  });
}

function parseDim(reader: BinaryReader): number | string {
  let dim: number | string = "";
  eachField(reader, (field, wire) => {
    if (field === fields.dim.value && wire === WireType.Varint) dim = Number(reader.int64());
    else if (field === fields.dim.parameter && wire === WireType.LengthDelimited) dim = reader.string();
    else return false;
    return true;
  });
  return dim;
}

function parseNode(reader: BinaryReader, depth: number): OnnxNode {
  const [inputs, outputs]: [string[], string[]] = [[], []];
  let [name, opType, domain] = ["", "", ""];
  const attributes: [string, Attribute][] = [];
  eachField(reader, (field, wire) => {
    if (wire !== WireType.LengthDelimited) return false;
    if (field === fields.node.input) inputs.push(reader.string());
    else if (field === fields.node.output) outputs.push(reader.string());
    else if (field === fields.node.name) name = reader.string();
    else if (field === fields.node.opType) opType = reader.string();
    else if (field === fields.node.domain) domain = reader.string();
    else if (field === fields.node.attribute) {
      const attribute = parseAttribute(new BinaryReader(reader.bytes()), depth);
      if (attribute !== undefined) attributes.push(attribute);
    } else return false;
    return true;
  });
  return { name, opType, domain, inputs, outputs, attributes: Object.fromEntries(attributes) };
}

/** Undefined for kinds that our graphs do not have, such as tensors. */
function parseAttribute(reader: BinaryReader, depth: number): [string, Attribute] | undefined {
  let [name, kind, float, int, text] = ["", 0, 0, 0, ""];
  const ints: number[] = [];
  let graph: OnnxGraph | undefined;
  const own = fields.attribute;
  eachField(reader, (field, wire) => {
    if (field === own.name) name = reader.string();
    else if (field === own.type) kind = reader.uint32();
    else if (field === own.float) float = reader.float();
    else if (field === own.int) int = Number(reader.int64());
    else if (field === own.string) text = reader.string();
    else if (field === own.graph) graph = parseGraph(new BinaryReader(reader.bytes()), depth + 1);
    else if (field === own.ints) readInts(reader, wire, ints);
    else return false;
    return true;
  });
  if (kind === attributeTypes.float) return [name, { kind: "float", value: float }];
  if (kind === attributeTypes.int) return [name, { kind: "int", value: int }];
  if (kind === attributeTypes.string) return [name, { kind: "string", value: text }];
  if (kind === attributeTypes.ints) return [name, { kind: "ints", value: ints }];
  return kind === attributeTypes.graph && graph !== undefined ? [name, { kind: "graph", value: graph }] : undefined;
}

/** Packed, or one at a time. */
function readInts(reader: BinaryReader, wire: WireType, into: number[]): void {
  if (wire !== WireType.LengthDelimited) {
    into.push(Number(reader.int64()));
    return;
  }
  const packed = new BinaryReader(reader.bytes());
  while (packed.pos < packed.len) into.push(Number(packed.int64()));
}

/** A branch: its weights are the main graph's. The types of its outputs are not told. */
function parseGraph(reader: BinaryReader, depth: number): OnnxGraph {
  if (depth > deepest) throw new DynamoError("invalid-file", `onnx: graphs more than ${deepest} deep in one another`);
  const nodes: OnnxNode[] = [];
  const outputs: ValueInfo[] = [];
  let name = "";
  eachField(reader, (field) => {
    if (field === fields.graph.node) nodes.push(parseNode(new BinaryReader(reader.bytes()), depth));
    else if (field === fields.graph.output)
      outputs.push({ ...parseValueInfo(new BinaryReader(reader.bytes())), dtype: "float32" });
    else if (field === fields.graph.name) name = reader.string();
    else return false;
    return true;
  });
  return { name, nodes, inputs: [], outputs, initializers: [] };
}
