/** A checkpoint converted in memory, where there is no disk for a model folder: in browsers, and from a web address. */
import { checkGraphMemory, DynamoError, sizeText, type ModelFiles } from "@dynamo/core";
import { weightBytes, writeOnnx, type OnnxModel } from "@dynamo/onnx";
import { openCheckpoint } from "../checkpoint/checkpoint.js";
import { conversionOf, type Conversion as Converted } from "../checkpoint/conversion.js";
import { conditionalPath, graphPath } from "../folder/model-folder.js";
import type { Conversion } from "./conversion.js";

export interface InMemoryOptions extends Conversion {
  /** Bytes of weights written. */
  readonly onProgress: (done: number, total: number) => void;
  readonly signal: AbortSignal | undefined;
}

/** Throws what converting these files would throw, as far as their config and their tensors' shapes say. */
export async function checkConversion(files: ModelFiles, conversion: Conversion): Promise<void> {
  await planned(files, conversion);
}

async function planned(
  files: ModelFiles,
  { dtype, device }: Conversion,
): Promise<{ readonly model: OnnxModel; readonly bytes: number } & Pick<Converted, "conditional">> {
  // Closing a checkpoint closes its files, which are the caller's.
  const { location } = files;
  const checkpoint = await openCheckpoint({
    location,
    size: (path) => files.size(path),
    read: (path, limit) => files.read(path, limit),
    readRange: (path, byteOffset, byteLength) => files.readRange(path, byteOffset, byteLength),
  });
  const { models, conditional } = conversionOf(checkpoint, { dtypes: [dtype], activations: "int8", seed: 0 });
  const [converted] = models;
  if (converted === undefined) throw new DynamoError("unsupported", `${location}: no graph of ${dtype}`);
  const bytes = weightBytes(converted.model.graph);
  checkGraphMemory({ graph: 0, externalData: bytes }, device);
  return { model: converted.model, bytes, conditional };
}

/**
 * The graph's two files, by their paths: one tensor of the checkpoint at a time is read and written. The weights have a file of
 * their own, which ONNX Runtime reads to where they stay. `files` stay open.
 */
export async function convertInMemory(
  files: ModelFiles,
  { dtype, device, onProgress, signal }: InMemoryOptions,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const { model, bytes, conditional } = await planned(files, { dtype, device });
  const path = graphPath(dtype);
  const graph = growing(2 ** 16);
  const data = growing(bytes);
  const name = path.slice(path.lastIndexOf("/") + 1);
  await writeOnnx(model, graph, {
    external: { location: `${name}_data`, sink: data },
    onProgress,
    ...(signal === undefined ? {} : { signal }),
  });
  return new Map([
    [path, graph.bytes()],
    [`${path}_data`, data.bytes()],
    ...(conditional === undefined ? [] : [[conditionalPath, await conditional()] as const]),
  ]);
}

/** `expected`: bytes that there will be, or more. */
function growing(expected: number): { write(bytes: Uint8Array): Promise<void>; bytes(): Uint8Array } {
  let whole = allocated(expected);
  let length = 0;
  return {
    write(bytes) {
      if (length + bytes.length > whole.length) {
        const larger = allocated(Math.max(length + bytes.length, 2 * whole.length));
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

function allocated(bytes: number): Uint8Array {
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    throw new DynamoError(
      "out-of-memory",
      `there is no memory for a graph of ${sizeText(bytes)}: choose a smaller dtype or model`,
      { cause },
    );
  }
}
