import { DynamoError } from "@dynamo/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  encodeOnnx,
  graphBuilder,
  microsoft,
  readOnnx,
  readOnnxGraph,
  writeOnnx,
  type OnnxModel,
  type RangeReader,
} from "./index.js";

const opsets = { "": 21, [microsoft]: 1 };
const rangesOf =
  (bytes: Uint8Array): RangeReader =>
  (offset, length) =>
    Promise.resolve(bytes.subarray(offset, offset + length));

function smallModel(weights = Float32Array.of(1, 2, 3)): OnnxModel {
  const graph = graphBuilder("small");
  const x = graph.input("x", "float32", ["B", 3]);
  const w = graph.scope("layer").initializer("w", "float32", [3], () => new Uint8Array(weights.buffer));
  graph.output("y", graph.scope("layer").op("Add", [x, w]), "float32", ["B", 3]);
  return { graph: graph.finish(), opsets, metadata: { maker: "test" } };
}

describe("graphBuilder", () => {
  it("names nodes by scope and operator, once each", () => {
    const graph = graphBuilder("g");
    const x = graph.input("x", "float32", [1]);
    const scope = graph.scope("stem/layers.0");
    scope.op("Add", [x, x]);
    scope.op("Add", [x, x]);
    expect(graph.finish().nodes.map(({ name }) => name)).toEqual(["/stem/layers.0/Add", "/stem/layers.0/Add_1"]);
  });

  it("puts a subgraph's weights into the main graph, where it can see them", () => {
    const graph = graphBuilder("g");
    const x = graph.input("x", "float32", [1]);
    const branch = graph.subgraph("then", (inner) => [
      {
        value: inner.op("Add", [x, inner.initializer("w", "float32", [1], () => new Uint8Array(4))]),
        dtype: "float32",
      },
    ]);
    expect(branch.initializers).toEqual([]);
    expect(graph.finish().initializers.map(({ name }) => name)).toEqual(["w"]);
  });

  it("refuses two weights of one name", () => {
    const graph = graphBuilder("g");
    const add = (): unknown => graph.initializer("w", "float32", [1], () => new Uint8Array(4));
    add();
    expect(add).toThrow(/exists already/);
  });
});

describe("readOnnxGraph", () => {
  it("reads nodes, their subgraphs and attributes, and small constants", async () => {
    const graph = graphBuilder("g");
    const x = graph.input("x", "float32", ["B", 3]);
    const wanted = graph.input("wanted", "bool", []);
    const w = graph.initializer("w", "float32", [3, 5], () => new Uint8Array(60));
    const branch = (name: string): ReturnType<typeof graph.subgraph> =>
      graph.subgraph(name, (inner) => [
        { value: inner.op("Gemm", [x, w], { attributes: { alpha: { float: 0.5 }, transB: false } }), dtype: "float32" },
      ]);
    const attributes = { then_branch: branch("then"), else_branch: branch("else") };
    const y = graph.op("If", [wanted], { attributes });
    const shaped = graph.op("Reshape", [y, graph.ints([-1, 5])]);
    graph.output("y", graph.op("Transpose", [shaped, undefined], { attributes: { perm: [1, 0] } }), "float32", [
      5,
      "B",
    ]);
    const model: OnnxModel = { graph: graph.finish(), opsets, metadata: {} };
    const bytes = await encodeOnnx(model);
    const read = await readOnnxGraph(rangesOf(bytes), bytes.length);
    // Of a graph inside, nodes are what counts.
    const bare = (nodes: OnnxModel["graph"]["nodes"]): unknown =>
      nodes.map(({ attributes: all, ...node }) => ({
        ...node,
        attributes: Object.fromEntries(
          Object.entries(all).map(([key, value]) => [
            key,
            value.kind === "graph" ? [bare(value.value.nodes), value.value.outputs.map(({ name }) => name)] : value,
          ]),
        ),
      }));
    expect(bare(read.nodes)).toEqual(bare(model.graph.nodes));
    expect(read.inputs).toEqual([
      { name: "x", dims: ["B", 3] },
      { name: "wanted", dims: [] },
    ]);
    expect(read.outputs).toEqual(["y"]);
    expect(read.initializers.map(({ name, dims, values }) => ({ name, dims, values }))).toEqual([
      { name: "w", dims: [3, 5], values: undefined },
      { name: "constants/int64s/-1_5", dims: [2], values: [-1, 5] },
    ]);
  });

  it("never reads past its file, and names what is damaged", async () => {
    const whole = await encodeOnnx(smallModel());
    for (let length = 1; length < whole.length; length++)
      await expect(readOnnxGraph(rangesOf(whole.subarray(0, length)), length)).rejects.toMatchObject({
        code: "invalid-file",
      });
  });
});

describe("writeOnnx and readOnnx", () => {
  it("reads back what was written", async () => {
    const bytes = await encodeOnnx(smallModel());
    const summary = await readOnnx(rangesOf(bytes), bytes.length);
    expect(summary).toEqual({
      irVersion: 10,
      producer: "@dynamo/onnx",
      opsets,
      metadata: { maker: "test" },
      operators: { Add: 1, Identity: 1 },
      inputs: ["x"],
      outputs: ["y"],
      initializers: [{ name: "w", dtype: "float32", dims: [3], external: false }],
    });
  });

  it("holds any number of weights of any size, whatever the window in which it is read", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 20 }), async (sizes) => {
        const graph = graphBuilder("g");
        sizes.forEach((size, i) => graph.initializer(`w${i}`, "uint8", [size], () => new Uint8Array(size).fill(i)));
        const bytes = await encodeOnnx({ graph: graph.finish(), opsets, metadata: {} });
        const { initializers } = await readOnnx(rangesOf(bytes), bytes.length);
        expect(initializers.map(({ dims }) => dims[0])).toEqual(sizes);
      }),
      { numRuns: 30 },
    );
  });

  it("loads one weight at a time, in order, and reports progress", async () => {
    const graph = graphBuilder("g");
    const events: string[] = [];
    for (const name of ["a", "b"]) {
      graph.initializer(name, "uint8", [4], () => {
        events.push(`load ${name}`);
        return new Uint8Array(4);
      });
    }
    await writeOnnx(
      { graph: graph.finish(), opsets, metadata: {} },
      { write: () => undefined },
      { onProgress: (written, total) => void events.push(`${written}/${total}`) },
    );
    expect(events).toEqual(["load a", "4/8", "load b", "8/8"]);
  });

  it("puts large weights into an external file on page borders", async () => {
    const graph = graphBuilder("g");
    graph.initializer("small", "uint8", [10], () => new Uint8Array(10));
    graph.initializer("first", "uint8", [5000], () => new Uint8Array(5000).fill(1));
    graph.initializer("second", "uint8", [2000], () => new Uint8Array(2000).fill(2));
    const [model, data]: [number[], number[]] = [[], []];
    await writeOnnx(
      { graph: graph.finish(), opsets, metadata: {} },
      { write: (bytes) => void model.push(...bytes) },
      { external: { location: "m.onnx_data", sink: { write: (bytes) => void data.push(...bytes) } } },
    );
    const summary = await readOnnx(rangesOf(Uint8Array.from(model)), model.length);
    expect(summary.initializers.map(({ external }) => external)).toEqual([false, true, true]);
    expect(data.length).toBe(8192 + 2000);
    expect([data[4999], data[5000], data[8191], data[8192]]).toEqual([1, 0, 0, 2]);
  });

  it("refuses more than 2 GiB of weights in one file before it writes a byte", async () => {
    const graph = graphBuilder("g");
    graph.initializer("huge", "uint8", [2 ** 31], () => new Uint8Array(0));
    const write = (): void => {
      throw new Error("wrote");
    };
    await expect(writeOnnx({ graph: graph.finish(), opsets, metadata: {} }, { write })).rejects.toThrow(
      /external file/,
    );
  });

  it("refuses a weight whose bytes are not what its dims say", async () => {
    const graph = graphBuilder("g");
    graph.initializer("w", "float32", [2], () => new Uint8Array(4));
    await expect(encodeOnnx({ graph: graph.finish(), opsets, metadata: {} })).rejects.toThrow(
      /needs 8 bytes, received 4/,
    );
  });

  it("stops when the signal fires", async () => {
    const signal = AbortSignal.abort();
    await expect(writeOnnx(smallModel(), { write: () => undefined }, { signal })).rejects.toMatchObject({
      code: "aborted",
    });
  });
});

describe("readOnnx on damaged files", () => {
  it("fails with invalid-file or reads something, and never anything else", async () => {
    const good = await encodeOnnx(smallModel());
    const edit = fc.record({ at: fc.nat(good.length - 1), byte: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { maxLength: 5 }), fc.nat(good.length), async (edits, length) => {
        const bytes = good.slice(0, length);
        for (const { at, byte } of edits) if (at < length) bytes[at] = byte;
        try {
          await readOnnx(rangesOf(bytes), bytes.length);
        } catch (error) {
          expect(DynamoError.is(error) && error.code).toBe("invalid-file");
        }
      }),
      { numRuns: 500 },
    );
  });

  it("says that an empty file holds no graph", async () => {
    await expect(readOnnx(rangesOf(new Uint8Array(0)), 0)).rejects.toThrow(/no graph/);
  });
});
