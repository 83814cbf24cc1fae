/**
 * An embedding's gradient adds up rows that share a token. ONNX Runtime's ScatterND does that on several threads without
 * locks and loses some: at these sizes 11 to 20 of 20 runs on four threads, none to 20 on two, by how busy the machine is. What is
 * in use must not; 100 runs on each number of threads would hardly miss that.
 */
import { tensor, type Runtime, type Tensor } from "@dynamo/core";
import { encodeOnnx, graphBuilder } from "@dynamo/onnx";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { opsets } from "../graph/gradient-graph.js";
import { gatherRows, multiply, reshape, sum } from "./operators.js";
import { createTape } from "./tape.js";

const [tokens, width, vocabulary] = [2048, 512, 7];
const ids = BigInt64Array.from({ length: tokens }, (_, i) => BigInt((i * i) % vocabulary));
/** Whole numbers, whose sums are exact in float32 in any order. */
const arriving = Float32Array.from({ length: tokens * width }, (_, i) => ((i * 7) % 13) - 6);

describe.each([2, 4, 8])("the embedding's gradient on %d threads", (threads) => {
  let runtime: Runtime;
  beforeAll(() => {
    runtime = createNodeRuntime({ device: "cpu", threads });
  });
  afterAll(() => runtime.dispose());

  test("is exact in each of 100 runs, tokens over and over", async () => {
    const graph = graphBuilder("embedding");
    const tape = createTape(graph);
    const table = tape.parameter("table", [vocabulary, width]);
    const rows = gatherRows(tape, table, graph.input("ids", "int64", [tokens]), tokens);
    const weighted = multiply(tape, rows, tape.parameter("arriving", [tokens, width]));
    const [gradient] = tape.gradients(reshape(tape, sum(tape, weighted, [0, 1]), []), [table]);
    graph.output("gradient", gradient?.value ?? "", "float32", [vocabulary, width]);
    const session = await runtime.createSession({
      bytes: await encodeOnnx({ graph: graph.finish(), opsets, metadata: {} }),
    });
    const feeds: Record<string, Tensor> = {
      table: tensor("float32", [vocabulary, width]),
      ids: tensor("int64", [tokens], ids),
      arriving: tensor("float32", [tokens, width], arriving),
    };
    const sums = expected();
    for (let run = 0; run < 100; run++) {
      const results = await session.run(feeds, ["gradient"]);
      expect(results["gradient"]?.data).toEqual(sums);
    }
    await session.dispose();
  });
});

function expected(): Float32Array {
  const sums = new Float32Array(vocabulary * width);
  for (const [i, id] of ids.entries())
    for (let column = 0; column < width; column++) {
      const place = Number(id) * width + column;
      sums[place] = (sums[place] as number) + (arriving[i * width + column] as number);
    }
  return sums;
}
