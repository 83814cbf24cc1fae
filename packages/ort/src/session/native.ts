/** Tensors and their descriptions, between ONNX Runtime's types and ours. */
import { byteSize, DynamoError, elementCount, viewOf, type DType, type TensorInfo } from "@dynamo/core";
import type { InferenceSession, Tensor } from "onnxruntime-common";
import type { Ort } from "./backend.js";
import type { WireTensor, WireTensors } from "../wire/messages.js";

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

/** Over the same memory: onnxruntime-node reads it in place. */
export function toNative(ort: Ort, { dtype, dims, data }: WireTensor): Tensor {
  if (!dtypes.has(dtype)) throw new DynamoError("unsupported", `ONNX Runtime has no tensors of ${dtype} in JavaScript`);
  return new ort.Tensor(dtype as Tensor.Type, data as Tensor.DataType, dims);
}

/** Of a CPU tensor, over its memory. Float16Array, where there is one, becomes its bits. */
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
