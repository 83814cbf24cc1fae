/** Proves that a device works, by running a tiny graph on it. */
import { DynamoError } from "@dynamo/core";
import { graphBuilder } from "@dynamo/onnx";
import type { Backend } from "./backend.js";
import { openSession, type OrtSession } from "./open-session.js";
import { encodeGraph } from "../graphs/encode-graph.js";

/** y = x · [[2, 0], [0, 3]]: an operator that every provider has, and an answer that zeroed memory does not give. */
function tinyGraph(): Promise<Uint8Array> {
  const graph = graphBuilder("tiny");
  const load = (): Uint8Array => new Uint8Array(Float32Array.of(2, 0, 0, 3).buffer);
  const weights = graph.initializer("weights", "float32", [2, 2], load);
  graph.output("y", graph.op("MatMul", [graph.input("x", "float32", [1, 2]), weights]), "float32", [1, 2]);
  return encodeGraph(graph);
}

/** Throws what ONNX Runtime says when the device does not work. */
export async function tryDevice(backend: Backend): Promise<void> {
  await (await openTested(backend)).dispose();
}

/** As `tryDevice`; the session stays open, and is the caller's to dispose. */
export async function openTested(backend: Backend): Promise<OrtSession> {
  const session = await openSession(backend, { bytes: await tinyGraph() });
  try {
    const { y } = await session.run({ x: { dtype: "float32", dims: [1, 2], data: Float32Array.of(1, 1) } }, ["y"]);
    if (y?.data[0] !== 2 || y.data[1] !== 3) {
      throw new DynamoError("runtime", `a test product should be 2, 3 and came out as ${String(y?.data)}`);
    }
    return session;
  } catch (error) {
    await session.dispose();
    throw error;
  }
}

/** The error for a device that does not work here. */
export function unsupportedDevice(device: string, detail: string, remedy: string | undefined): DynamoError {
  return new DynamoError(
    "unsupported",
    `${device} does not work here: ${detail}${remedy === undefined ? "" : ` ${remedy}`}`,
  );
}
