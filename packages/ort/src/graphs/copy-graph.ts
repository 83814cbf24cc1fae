/** The small graph that brings a tensor from a device to the host, or there. */
import type { DType } from "@dynamo/core";
import { graphBuilder } from "@dynamo/onnx";
import { encodeGraph } from "./encode-graph.js";

/** `value` in, `copy` out: brings a device output to the host, because ONNX Runtime's own download is not written yet. */
export function copyGraph(dtype: DType, rank: number): Promise<Uint8Array> {
  const dims = Array.from({ length: rank }, (_, axis) => `axis_${axis}`);
  const graph = graphBuilder("copy");
  graph.output("copy", graph.input("value", dtype, dims), dtype, dims);
  return encodeGraph(graph);
}
