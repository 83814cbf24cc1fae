/** A checkpoint converted in memory, where there is no disk for a model folder: in browsers, and from a web address. */
import { checkGraphMemory, DynamoError, type DeviceChoice, type ModelFiles } from "@dynamo/core";
import { weightBytes, writeOnnx } from "@dynamo/onnx";
import { openCheckpoint } from "../checkpoint/checkpoint.js";
import { conversionOf } from "../checkpoint/conversion.js";
import { graphPath } from "../folder/model-folder.js";
import type { ModelDType } from "../graph/precision.js";

export interface InMemoryOptions {
  readonly dtype: ModelDType;
  /** Where the graph will run: what it has no room for is refused before anything is read. */
  readonly device: DeviceChoice;
  /** Bytes of weights written. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The graph's two files, by their paths: one tensor of the checkpoint at a time is read and written. The weights have a file of
 * their own, which ONNX Runtime reads to where they stay. `files` stay open.
 */
export async function convertInMemory(
  files: ModelFiles,
  { dtype, device, onProgress, signal }: InMemoryOptions,
): Promise<ReadonlyMap<string, Uint8Array>> {
  // Closing a checkpoint closes its files, which are the caller's.
  const { location } = files;
  const checkpoint = await openCheckpoint({
    location,
    size: (path) => files.size(path),
    read: (path, limit) => files.read(path, limit),
    readRange: (path, byteOffset, byteLength) => files.readRange(path, byteOffset, byteLength),
  });
  const [converted] = conversionOf(checkpoint, { dtypes: [dtype], activations: "int8", seed: 0 }).models;
  if (converted === undefined) throw new DynamoError("unsupported", `${location}: no graph of ${dtype}`);
  const bytes = weightBytes(converted.model.graph);
  checkGraphMemory({ graph: 0, externalData: bytes }, device);
  const path = graphPath(dtype);
  const graph = growing(2 ** 16);
  const data = growing(bytes);
  const name = path.slice(path.lastIndexOf("/") + 1);
  await writeOnnx(converted.model, graph, {
    external: { location: `${name}_data`, sink: data },
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(signal === undefined ? {} : { signal }),
  });
  return new Map([
    [path, graph.bytes()],
    [`${path}_data`, data.bytes()],
  ]);
}

/** `expected`: bytes that there will be, or more. */
function growing(expected: number): { write(bytes: Uint8Array): Promise<void>; bytes(): Uint8Array } {
  let whole = new Uint8Array(expected);
  let length = 0;
  return {
    write(bytes) {
      if (length + bytes.length > whole.length) {
        const larger = new Uint8Array(Math.max(length + bytes.length, 2 * whole.length));
        larger.set(whole.subarray(0, length));
        whole = larger;
      }
      whole.set(bytes, length);
      length += bytes.length;
      return Promise.resolve();
    },
    bytes: () => whole.subarray(0, length),
  };
}
