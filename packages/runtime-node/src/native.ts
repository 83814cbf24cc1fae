/** The one place that touches onnxruntime-node's types: session options, and tensors both ways. */
import { byteSize, DynamoError, elementCount, viewOf, type DType, type TensorInfo } from "@dynamo/core";
import { Tensor, type InferenceSession } from "onnxruntime-node";
import type { EngineSettings, WireTensor, WireTensors } from "./protocol.js";

/** ONNX Runtime's severities: 4 is fatal. It throws its errors too, and its warnings are nothing a user could act on. */
const logSeverity = 4;

/**
 * Microseconds that an idle thread of an operator's pool spins before it sleeps. Measured at 70M's operator sizes, 2 cores:
 * without spinning 6.1 ms a pass, with this 4.0, with ONNX Runtime's own (1,000) 4.1; but when another program takes one
 * of the cores, 7.8, 12 and 16.
 */
const spinMicroseconds = "100";

const dtypes: ReadonlySet<string> = new Set<DType>([
  "float32",
  "float64",
  "float16",
  "int8",
  "uint8",
  "uint16",
  "int32",
  "uint32",
  "int64",
  "bool",
]);

export function sessionOptions({ device, threads }: EngineSettings): InferenceSession.SessionOptions {
  return {
    executionProviders: [device],
    graphOptimizationLevel: "all",
    executionMode: "sequential",
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // Memory plans are kept per input shape, and a growing cache changes the shape again and again; they gain nothing here.
    enableMemPattern: false,
    extra: { session: { intra_op: { spin_duration_us: spinMicroseconds } } },
    logSeverityLevel: logSeverity,
  };
}

/** An output of ONNX Runtime's own type names as a dtype; throws `unsupported` for strings, 4-bit and other types. */
function dtypeOf(type: string, name: string): DType {
  if (dtypes.has(type)) return type as DType;
  throw new DynamoError("unsupported", `${name}: expected one of ${[...dtypes].join(", ")}, received ${type}`);
}

export function tensorInfos(metadata: readonly InferenceSession.ValueMetadata[]): TensorInfo[] {
  return metadata.map((value) => {
    if (!value.isTensor)
      throw new DynamoError("unsupported", `${value.name}: expected a tensor, received another type`);
    return { name: value.name, dtype: dtypeOf(value.type, value.name), dims: value.shape };
  });
}

/** Over the same memory: ONNX Runtime reads it in place. */
export function toNative({ dtype, dims, data }: WireTensor): Tensor {
  if (!dtypes.has(dtype)) throw new DynamoError("unsupported", `onnxruntime-node has no tensors of ${dtype}`);
  return new Tensor(dtype as Tensor.Type, data as Tensor.DataType, dims);
}

/** Of a CPU tensor, over its memory. Float16Array, where Node has it, becomes its bits. */
export function fromNative(value: Tensor, name: string): WireTensor {
  const dtype = dtypeOf(value.type, name);
  const { buffer, byteOffset } = value.data as Uint8Array;
  const length = elementCount(value.dims);
  if (byteOffset + length * byteSize(dtype) > buffer.byteLength) {
    throw new DynamoError(
      "runtime",
      `${name}: ONNX Runtime returned less data than dims [${value.dims.join(", ")}] say`,
    );
  }
  return { dtype, dims: value.dims, data: viewOf(dtype, buffer, byteOffset, length) };
}

/** The buffers that can be handed over with these tensors: each is theirs alone. */
export function ownedBuffers(tensors: WireTensors): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const { data } of Object.values(tensors)) if (data.buffer instanceof ArrayBuffer) buffers.add(data.buffer);
  return [...buffers];
}
