/** Whether a device computes in float16, found out by a product of one number before anything large is compiled. */
import { DynamoError, tensor, type Runtime } from "@dynamo/core";
import { encodeOnnx, graphBuilder } from "@dynamo/onnx";
import { createTape, type Precision } from "./autodiff/tape.js";
import { matmul } from "./autodiff/products.js";
import { opsets } from "./graph/gradient-graph.js";

/** Throws `unsupported` when the runtime's device lacks what the precision needs. */
export async function checkPrecision(runtime: Runtime, precision: Precision): Promise<void> {
  if (precision === "float32") return;
  try {
    await multiplyOnce(runtime, precision);
  } catch (error) {
    if (!DynamoError.is(error) || error.code !== "unsupported") throw error;
    const { device } = await runtime.device();
    throw new DynamoError(
      "unsupported",
      `precision float16 needs a device that computes in float16, received ${device}: ${error.message}; train with precision float32, or on cuda or cpu`,
      { cause: error },
    );
  }
}

async function multiplyOnce(runtime: Runtime, precision: Precision): Promise<void> {
  const graph = graphBuilder("dynamo_precision");
  const x = graph.input("x", "float32", [1, 1]);
  graph.output("y", matmul(createTape(graph, precision), x, x), "float32", [1, 1]);
  const session = await runtime.createSession({
    bytes: await encodeOnnx({ graph: graph.finish(), opsets, metadata: {} }),
  });
  try {
    await session.run({ x: tensor("float32", [1, 1], Float32Array.of(1)) }, ["y"]);
  } finally {
    await session.dispose();
  }
}
