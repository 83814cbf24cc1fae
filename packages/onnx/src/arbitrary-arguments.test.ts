/** The public functions in the hands of plain JavaScript: whatever they are given, only a DynamoError comes out. */
import { callContract } from "@dynamo/call-contract";
import { functionNames, type PublicCall } from "@dynamo/core/testing";
import { beforeAll, expect, test } from "vitest";
import * as onnx from "./index.js";

const { graphBuilder } = onnx;
const builder = (): onnx.GraphBuilder => graphBuilder("tests");
const whole = (): onnx.OnnxModel => {
  const graph = builder();
  const [a, size] = [graph.input("a", "float32", ["rows", 2]), graph.ints([2])];
  const cast = graph.cast(graph.op("Reshape", [a, size], { attributes: { allowzero: 0 } }), "int64");
  graph.output("b", cast, "int64", ["rows", 2]);
  return { graph: graph.finish(), opsets: { "": 21 }, metadata: { a: "b" } };
};
const weight = { name: "w", dtype: "uint8", dims: [3], load: () => new Uint8Array(3) };
const model: onnx.OnnxModel = { ...whole(), graph: { ...whole().graph, initializers: [weight as onnx.Initializer] } };
const sink = { write: () => undefined };
const file: { bytes: Uint8Array } = { bytes: new Uint8Array() };
beforeAll(async () => {
  file.bytes = await onnx.encodeOnnx(whole());
});
const read = (offset: number, length: number): Promise<Uint8Array> =>
  Promise.resolve(file.bytes.subarray(offset, offset + length));
const results = [{ value: "v", dtype: "bool" as const }];

const functions: Readonly<Record<string, PublicCall>> = {
  graphBuilder: { call: graphBuilder, right: ["name"] },
  encodeOnnx: { call: onnx.encodeOnnx, right: [model] },
  writeOnnx: {
    call: onnx.writeOnnx,
    right: [model, sink, { external: { location: "weights", sink }, onProgress: undefined, signal: undefined }],
    options: [[2]],
  },
  weightBytes: { call: onnx.weightBytes, right: [model.graph] },
  readOnnx: { call: onnx.readOnnx, right: [read, 0] },
  readOnnxGraph: { call: onnx.readOnnxGraph, right: [read, 0] },
  readOnnxMetadata: { call: onnx.readOnnxMetadata, right: [read, 0] },
};

const methods: Readonly<Record<keyof onnx.GraphBuilder, PublicCall>> = {
  scope: { call: (path: string) => builder().scope(path).op("Neg", ["a"]), right: ["path"] },
  op: {
    call: (...given: Parameters<onnx.GraphBuilder["op"]>) => builder().op(...given),
    right: [
      "Sum",
      ["a", undefined],
      { attributes: { a: 1, b: [1, 2], c: true, d: "d", e: { float: 0.5 }, f: whole().graph }, domain: "" },
    ],
    options: [[2]],
  },
  ops: {
    call: (...given: Parameters<onnx.GraphBuilder["ops"]>) => builder().ops(...given),
    right: ["Split", ["a"], 2, { domain: onnx.microsoft }],
    options: [[3]],
  },
  cast: {
    call: (...given: Parameters<onnx.GraphBuilder["cast"]>) => builder().cast(...given),
    right: ["a", "float16"],
  },
  initializer: {
    call: (...given: Parameters<onnx.GraphBuilder["initializer"]>) => builder().initializer(...given),
    right: ["w", "uint8", [3], weight.load, { shared: true }],
    options: [[4]],
  },
  ints: {
    call: (...given: Parameters<onnx.GraphBuilder["ints"]>) => builder().ints(...given),
    right: [[3], { scalar: true }],
    options: [[1]],
  },
  float: {
    call: (...given: Parameters<onnx.GraphBuilder["float"]>) => builder().float(...given),
    right: [0.5, "float16", () => new Uint8Array(2)],
  },
  input: {
    call: (...given: Parameters<onnx.GraphBuilder["input"]>) => builder().input(...given),
    right: ["a", "float32", [1, "rows"]],
  },
  output: {
    call: (...given: Parameters<onnx.GraphBuilder["output"]>) => {
      builder().output(...given);
    },
    right: ["b", "a", "float32", [1, "rows"]],
  },
  subgraph: {
    call: (name: string, build: unknown, returned: unknown) =>
      builder().subgraph(name, build === "returned" ? () => returned as typeof results : (build as () => [])),
    right: ["then", "returned", results],
  },
  finish: { call: () => builder().finish(), right: [] },
};

callContract(
  { ...functions, ...methods },
  {
    runs: 60,
    unknownOption: ["domian", / has no option domian: .*expected one of /],
    expectRight: (name, outcome) => {
      // A file of no bytes has no graph, and no metadata either.
      expect(outcome).toBe(["readOnnx", "readOnnxGraph"].includes(name) ? "invalid-file" : "settled");
    },
  },
);

test("every public function and every method of a builder is here", () => {
  expect(Object.keys(functions).sort()).toEqual(functionNames(onnx).sort());
  expect(Object.keys(methods).sort()).toEqual(functionNames(builder()).sort());
});

test.each([
  [() => builder().op("", []), /opType must be a string of at least one character, received ""/],
  [() => builder().op("Add", "a" as never), /inputs must be a list of values' names.*received "a"/],
  [() => builder().op("Add", [], { atributes: {} } as never), /did you mean attributes\?/],
  [() => builder().op("Add", [], { attributes: { a: 0.5 } }), /attributes must be .*\{ float: number \}/],
  [() => builder().cast("a", "float" as never), /dtype must be one of "float32", .* received "float"/],
  [() => builder().ints([0.5]), /values must be a list of whole numbers, received \[0.5\]/],
  [() => builder().ints([1, 2], { scalar: true }), /a scalar has one value, received 2/],
  [() => onnx.weightBytes({} as never), /graph must be a graph .* received \{\}/],
])("case %#", (call, message) => {
  expect(call).toThrow(message);
});

test("bytes that are none are named", async () => {
  await expect(onnx.writeOnnx(model, Buffer.alloc(1) as never)).rejects.toThrow(
    /sink must be a sink with a method write\(bytes\), received a Buffer/,
  );
  await expect(onnx.readOnnx(() => Promise.resolve("abc") as never, 3)).rejects.toThrow(
    /what read\(\) resolves to must be a Uint8Array, received "abc"/,
  );
  const graph = builder();
  graph.initializer("w", "uint8", [1], () => "a" as never);
  await expect(onnx.encodeOnnx({ graph: graph.finish(), opsets: {}, metadata: {} })).rejects.toThrow(
    /what load\(\) of w returns must be a Uint8Array, received "a"/,
  );
});
