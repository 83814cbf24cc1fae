/** The bytes of a small graph that a runtime itself runs: a cache's edits, a device's test and its measurement. */
import { encodeOnnx, type GraphBuilder } from "@dynamo/onnx";

/** Old enough for every operator here, and for every provider. */
const opset = 17;

/** A finished graph as the bytes of an ONNX file. */
export function encodeGraph(graph: GraphBuilder): Promise<Uint8Array> {
  return encodeOnnx({ graph: graph.finish(), opsets: { "": opset }, metadata: {} });
}
