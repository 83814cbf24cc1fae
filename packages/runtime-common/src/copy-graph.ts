/** The small graph that brings a tensor from a device to the host, or there. */
import type { DType } from "@dynamo/core";
import { encodeSmallOnnx } from "./small-onnx.js";

/** `value` in, `copy` out: brings a device output to the host, because ONNX Runtime's own download is not written yet. */
export function copyGraph(dtype: DType, rank: number): Uint8Array {
  const dims = Array.from({ length: rank }, (_, axis) => `axis_${axis}`);
  return encodeSmallOnnx({
    inputs: [{ name: "value", dtype, dims }],
    outputs: [{ name: "copy", dtype, dims }],
    nodes: [{ op: "Identity", inputs: ["value"], outputs: ["copy"] }],
  });
}
