/** What ONNX Runtime throws, as DynamoErrors. */
import { DynamoError, sizeText } from "@dynamo/core";

/** What it says of a file that is no model, or one that contradicts itself. */
const badFile =
  /protobuf parsing failed|INVALID_PROTOBUF|INVALID_GRAPH|invalid model|type error|Unsupported model IR|external data|data file|external initializer.*out of bounds/i;

/** What WebGPU says of a float16 graph on a GPU without them. */
const noFloat16 = "requires f16 but the device does not support it";

/** What ONNX Runtime, its providers and V8 say when memory ran out. */
const noMemory =
  /failed to allocate memory|bad_alloc|cannot allocate memory|out of memory|OutOfMemory|array buffer allocation failed|invalid array length/i;

/** An `out-of-memory` error when that is what another error says; undefined otherwise. */
export function memoryError(error: unknown): DynamoError | undefined {
  const message = messageOf(error);
  if (!noMemory.test(message)) return undefined;
  const size = /requested buffer of size (\d+)/.exec(message)?.[1];
  const what = size === undefined ? "" : ` of ${sizeText(Number(size))}`;
  return new DynamoError("out-of-memory", `out of memory: an allocation${what} failed in ONNX Runtime`, {
    cause: error,
  });
}

/** The error of a session that did not open. */
export function loadError(error: unknown, source: string): DynamoError {
  if (DynamoError.is(error)) return error;
  const message = messageOf(error);
  const memory = memoryError(error);
  if (memory !== undefined) return memory;
  return badFile.test(message)
    ? new DynamoError("invalid-file", `${source} is not a graph that ONNX Runtime can load: ${message}`)
    : new DynamoError("runtime", `ONNX Runtime could not open a session for ${source}: ${message}`);
}

/** Throws the error of a pass that failed; `unsupported` for float16 on a GPU that lacks it. */
export function passError(error: unknown): never {
  if (DynamoError.is(error)) throw error;
  const memory = memoryError(error);
  if (memory !== undefined) throw memory;
  if (messageOf(error).includes(noFloat16)) {
    throw new DynamoError(
      "unsupported",
      "this GPU has no float16 shaders (shader-f16): use a graph of float32 activations",
    );
  }
  throw new DynamoError("runtime", `the forward pass failed in ONNX Runtime: ${messageOf(error)}`, { cause: error });
}

function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/\s+/g, " ").trim();
}
