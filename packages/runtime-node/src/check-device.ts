/** Proves that a device works, by running a tiny graph on it. */
import { DynamoError } from "@dynamo/core";
import { openSession } from "./engine.js";
import type { EngineSettings } from "./protocol.js";
import { remedyFor } from "./requirements.js";
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
export async function tryDevice(settings: EngineSettings): Promise<void> {
  const session = await openSession(settings, { bytes: tinyGraph() });
  try {
    const { y } = await session.run({ x: { dtype: "float32", dims: [1, 2], data: Float32Array.of(1, 1) } }, ["y"]);
    if (y?.data[0] !== 2 || y.data[1] !== 3) {
      throw new DynamoError("runtime", `a test product should be 2, 3 and came out as ${String(y?.data)}`);
    }
  } finally {
    await session.dispose();
  }
}

/** Throws `unsupported`, with what is missing and how to get it, when the device does not work here. */
export async function checkDevice(settings: EngineSettings): Promise<undefined> {
  try {
    await tryDevice(settings);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw unsupportedDevice(settings.device, detail, remedyFor(settings.device, detail));
  }
  return undefined;
}

export function unsupportedDevice(device: string, detail: string, remedy: string | undefined): DynamoError {
  return new DynamoError(
    "unsupported",
    `${device} does not work here: ${detail}${remedy === undefined ? "" : ` ${remedy}`}`,
  );
}
