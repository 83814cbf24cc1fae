/** Writes an ONNX model piece by piece: one initializer's bytes are in memory at a time. */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { byteSize, DynamoError, elementCount } from "@dynamo/core";
import { checkOptions, checkValue } from "@dynamo/core/options";
import type { OnnxSink, WriteOptions } from "./options.js";
import { bytesCheck, graphCheck, modelCheck, sinkCheck, writeChecks } from "./checks.js";
import {
  attributeTypes,
  elementTypes,
  fields,
  type Attribute,
  type Initializer,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  type ValueInfo,
} from "./proto.js";

/** IR version 10 came with opset 21; ONNX Runtime 1.18 and later read it. */
const irVersion = 10;
/** A protobuf message may not pass 2 GiB; what is left is for the graph itself. */
export const maxInlineBytes = 2 ** 31 - 2 ** 26;
/** Smaller tensors stay in the graph, where shape inference can see them. */
const smallestExternal = 1024;
/** Tensors in the external file start on page borders, so that they can be memory-mapped. */
const externalAlignment = 4096;

export type { OnnxSink, WriteOptions } from "./options.js";

interface Placed {
  readonly initializer: Initializer;
  readonly byteLength: number;
  /** In the external file; undefined for data in the model file itself. */
  readonly offset: number | undefined;
}

/** Bytes of all initializers, subgraphs' included (those are always inline). */
export function weightBytes(graph: OnnxGraph): number {
  checkValue("graph", graph, graphCheck);
  return sizeOf(graph);
}

function sizeOf(graph: OnnxGraph): number {
  return graph.initializers.reduce((sum, { dtype, dims }) => sum + elementCount(dims) * byteSize(dtype), 0);
}

/**
 * Writes the model to `sink`. Throws `invalid-argument` when the weights pass 2 GiB and no external file is given, and
 * when an initializer's bytes differ from what its dims say.
 */
export async function writeOnnx(model: OnnxModel, sink: OnnxSink, options: WriteOptions = {}): Promise<void> {
  checkValue("model", model, modelCheck);
  checkValue("sink", sink, sinkCheck);
  checkOptions("writeOnnx()", options, writeChecks);
  const placed = place(model.graph.initializers, options.external !== undefined);
  const inline = placed.filter(({ offset }) => offset === undefined);
  const inlineBytes = inline.reduce((sum, { byteLength }) => sum + byteLength, 0);
  if (inlineBytes > maxInlineBytes) {
    throw new DynamoError(
      "invalid-argument",
      `a model file holds at most ${maxInlineBytes} bytes of weights, received ${inlineBytes}: give an external file`,
    );
  }
  const body = encodeGraph(model.graph);
  const heads = placed.map((item) => tensorHead(item, options.external?.location));
  const messageBytes = (index: number): number =>
    (heads[index] as Uint8Array).length +
    (placed[index]?.offset === undefined ? rawDataBytes(placed[index] as Placed) : 0);
  const graphBytes = placed.reduce((sum, _, index) => sum + lengthPrefixed(messageBytes(index)), body.length);

  await sink.write(modelHead(model));
  await sink.write(new BinaryWriter().tag(fields.model.graph, WireType.LengthDelimited).uint32(graphBytes).finish());
  await sink.write(body);
  const total = sizeOf(model.graph);
  let written = 0;
  let externalEnd = 0;
  for (const [index, item] of placed.entries()) {
    if (options.signal?.aborted === true) throw new DynamoError("aborted", "writing the model was stopped");
    const data = await load(item);
    await sink.write(
      new BinaryWriter().tag(fields.graph.initializer, WireType.LengthDelimited).uint32(messageBytes(index)).finish(),
    );
    await sink.write(heads[index] as Uint8Array);
    if (item.offset === undefined) {
      await sink.write(
        new BinaryWriter().tag(fields.tensor.rawData, WireType.LengthDelimited).uint32(data.length).finish(),
      );
      await sink.write(data);
    } else {
      await options.external?.sink.write(new Uint8Array(item.offset - externalEnd));
      await options.external?.sink.write(data);
      externalEnd = item.offset + data.length;
    }
    written += data.length;
    options.onProgress?.(written, total);
  }
}

/** The model as bytes, for small graphs. */
export async function encodeOnnx(model: OnnxModel): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  await writeOnnx(model, { write: (bytes) => void chunks.push(bytes) });
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}

function place(initializers: readonly Initializer[], external: boolean): Placed[] {
  let end = 0;
  return initializers.map((initializer) => {
    const byteLength = elementCount(initializer.dims) * byteSize(initializer.dtype);
    if (!external || byteLength < smallestExternal) return { initializer, byteLength, offset: undefined };
    const offset = Math.ceil(end / externalAlignment) * externalAlignment;
    end = offset + byteLength;
    return { initializer, byteLength, offset };
  });
}

async function load({ initializer, byteLength }: Placed): Promise<Uint8Array> {
  const data = await initializer.load();
  checkValue(`what load() of ${initializer.name} returns`, data, bytesCheck);
  if (data.length !== byteLength) {
    throw new DynamoError(
      "invalid-argument",
      `initializer ${initializer.name} needs ${byteLength} bytes, received ${data.length}`,
    );
  }
  return data;
}

const varintBytes = (value: number): number => new BinaryWriter().uint32(value).finish().length;
const rawDataBytes = ({ byteLength }: Placed): number => 1 + varintBytes(byteLength) + byteLength;
/** Bytes of a one-byte tag, the length, and the message. */
const lengthPrefixed = (messageBytes: number): number => 1 + varintBytes(messageBytes) + messageBytes;

function message(writer: BinaryWriter, field: number, bytes: Uint8Array): void {
  writer.tag(field, WireType.LengthDelimited).bytes(bytes);
}

function text(writer: BinaryWriter, field: number, value: string): void {
  if (value !== "") writer.tag(field, WireType.LengthDelimited).string(value);
}

function integer(writer: BinaryWriter, field: number, value: number): void {
  writer.tag(field, WireType.Varint).int64(value);
}

function entry(key: string, value: string): Uint8Array {
  const writer = new BinaryWriter();
  text(writer, fields.entry.key, key);
  text(writer, fields.entry.value, value);
  return writer.finish();
}

function modelHead(model: OnnxModel): Uint8Array {
  const writer = new BinaryWriter();
  integer(writer, fields.model.irVersion, irVersion);
  text(writer, fields.model.producerName, "@dynamo/onnx");
  for (const [domain, version] of Object.entries(model.opsets)) {
    const opset = new BinaryWriter();
    text(opset, fields.opset.domain, domain);
    integer(opset, fields.opset.version, version);
    message(writer, fields.model.opsetImport, opset.finish());
  }
  for (const [key, value] of Object.entries(model.metadata)) message(writer, fields.model.metadata, entry(key, value));
  return writer.finish();
}

/** A graph without its initializers, which follow it. */
function encodeGraph(graph: OnnxGraph): Uint8Array {
  const writer = new BinaryWriter();
  for (const node of graph.nodes) message(writer, fields.graph.node, encodeNode(node));
  text(writer, fields.graph.name, graph.name);
  for (const input of graph.inputs) message(writer, fields.graph.input, encodeValueInfo(input));
  for (const output of graph.outputs) message(writer, fields.graph.output, encodeValueInfo(output));
  return writer.finish();
}

function encodeNode(node: OnnxNode): Uint8Array {
  const writer = new BinaryWriter();
  // An optional input that is left out in the middle is an empty string, so empty names are written.
  for (const input of node.inputs) writer.tag(fields.node.input, WireType.LengthDelimited).string(input);
  for (const output of node.outputs) writer.tag(fields.node.output, WireType.LengthDelimited).string(output);
  text(writer, fields.node.name, node.name);
  text(writer, fields.node.opType, node.opType);
  for (const [name, attribute] of Object.entries(node.attributes)) {
    message(writer, fields.node.attribute, encodeAttribute(name, attribute));
  }
  text(writer, fields.node.domain, node.domain);
  return writer.finish();
}

function encodeAttribute(name: string, attribute: Attribute): Uint8Array {
  const writer = new BinaryWriter();
  text(writer, fields.attribute.name, name);
  switch (attribute.kind) {
    case "float":
      writer.tag(fields.attribute.float, WireType.Bit32).float(attribute.value);
      break;
    case "int":
      integer(writer, fields.attribute.int, attribute.value);
      break;
    case "ints":
      for (const value of attribute.value) integer(writer, fields.attribute.ints, value);
      break;
    case "string":
      text(writer, fields.attribute.string, attribute.value);
      break;
    case "graph":
      message(writer, fields.attribute.graph, encodeSubgraph(attribute.value));
      break;
  }
  integer(writer, fields.attribute.type, attributeTypes[attribute.kind]);
  return writer.finish();
}

function encodeSubgraph(graph: OnnxGraph): Uint8Array {
  if (graph.initializers.length > 0) {
    throw new DynamoError(
      "invalid-argument",
      `subgraph ${graph.name} has initializers: put them in the main graph, which it can see`,
    );
  }
  return encodeGraph(graph);
}

function encodeValueInfo({ name, dtype, dims }: ValueInfo): Uint8Array {
  const shape = new BinaryWriter();
  for (const dim of dims) {
    const writer = new BinaryWriter();
    if (typeof dim === "number") integer(writer, fields.dim.value, dim);
    else text(writer, fields.dim.parameter, dim);
    message(shape, fields.shape.dim, writer.finish());
  }
  const tensorType = new BinaryWriter();
  integer(tensorType, fields.tensorType.elementType, elementTypes[dtype]);
  message(tensorType, fields.tensorType.shape, shape.finish());
  const type = new BinaryWriter();
  message(type, fields.type.tensor, tensorType.finish());
  const writer = new BinaryWriter();
  text(writer, fields.valueInfo.name, name);
  message(writer, fields.valueInfo.type, type.finish());
  return writer.finish();
}

/** A TensorProto up to its data. */
function tensorHead({ initializer, byteLength, offset }: Placed, location: string | undefined): Uint8Array {
  const writer = new BinaryWriter();
  for (const dim of initializer.dims) integer(writer, fields.tensor.dims, dim);
  integer(writer, fields.tensor.dataType, elementTypes[initializer.dtype]);
  text(writer, fields.tensor.name, initializer.name);
  if (offset !== undefined && location !== undefined) {
    message(writer, fields.tensor.externalData, entry("location", location));
    message(writer, fields.tensor.externalData, entry("offset", String(offset)));
    message(writer, fields.tensor.externalData, entry("length", String(byteLength)));
    integer(writer, fields.tensor.dataLocation, 1);
  }
  return writer.finish();
}
