/** Proves that a device works, by running a tiny graph on it. */
import { DynamoError } from "@dynamo/core";
import type { Backend } from "./backend.js";
import { openSession, type EngineSession } from "./engine.js";
import { encodeSmallOnnx } from "./small-onnx.js";

/** y = x · [[2, 0], [0, 3]]: an operator that every provider has, and an answer that zeroed memory does not give. */
function tinyGraph(): Uint8Array {
  const weights = Float32Array.of(2, 0, 0, 3);
  return encodeSmallOnnx({
    inputs: [{ name: "x", dtype: "float32", dims: [1, 2] }],
    outputs: [{ name: "y", dtype: "float32", dims: [1, 2] }],
    nodes: [{ op: "MatMul", inputs: ["x", "weights"], outputs: ["y"] }],
    initializers: [{ name: "weights", dtype: "float32", dims: [2, 2], bytes: new Uint8Array(weights.buffer) }],
  });
}

/** Throws what ONNX Runtime says when the device does not work. */
export async function tryDevice(backend: Backend): Promise<void> {
  await (await openTested(backend)).dispose();
}

/** As `tryDevice`; the session stays open, and is the caller's to dispose. */
export async function openTested(backend: Backend): Promise<EngineSession> {
  const session = await openSession(backend, { bytes: tinyGraph() });
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

export function unsupportedDevice(device: string, detail: string, remedy: string | undefined): DynamoError {
  return new DynamoError(
    "unsupported",
    `${device} does not work here: ${detail}${remedy === undefined ? "" : ` ${remedy}`}`,
  );
}
