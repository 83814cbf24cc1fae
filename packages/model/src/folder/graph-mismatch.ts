/** Whether a graph that is about to be loaded was made for its config.json. */
import type { GraphSource, ModelFiles } from "@dynamo/core";
import { readOnnxMetadata } from "@dynamo/onnx";
import type { ModelConfig } from "../architectures/config.js";
import { configMismatch } from "./made-for.js";

/** What is wrong; undefined where nothing is, and for a damaged file: making a session of it says more. */
export async function graphMismatch(
  files: ModelFiles,
  graph: GraphSource,
  { path, config }: { readonly path: string; readonly config: ModelConfig },
): Promise<string | undefined> {
  const size = (await files.size(path)) ?? 0;
  const read = (offset: number, length: number): Promise<Uint8Array> =>
    "bytes" in graph
      ? Promise.resolve(graph.bytes.subarray(offset, offset + length))
      : files.readRange(path, offset, Math.min(length, size - offset));
  const metadata = await readOnnxMetadata(read, size).catch(() => undefined);
  return metadata === undefined ? undefined : configMismatch(config, metadata);
}
