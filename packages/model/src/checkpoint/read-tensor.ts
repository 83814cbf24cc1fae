/** A checkpoint's tensors, checked against what they must be, and read. */
import { DynamoError, type ModelFiles } from "@dynamo/core";
import type { Shapes } from "../architectures/tensor-names.js";
import type { PlacedTensor } from "./tensor-index.js";
import { isWeightDType, toFloats } from "./to-floats.js";

/** More disagreements than these are counted, not listed. */
const listedProblems = 10;

/** Throws `invalid-file` unless every tensor is there, in the shape that `reason` (config.json, say) asks for. */
export function checkTensors(
  location: string,
  expected: Shapes,
  find: (name: string) => PlacedTensor | undefined,
  reason = "config.json",
): void {
  const problems: string[] = [];
  for (const [name, shape] of expected) {
    const tensor = find(name);
    if (tensor === undefined) problems.push(`${name} is missing`);
    else if (tensor.shape.join() !== shape.join()) {
      problems.push(`${name} has shape [${tensor.shape.join(", ")}], expected [${shape.join(", ")}]`);
    } else if (!isWeightDType(tensor.dtype)) problems.push(`${name} is ${tensor.dtype}, expected F32, F16 or BF16`);
  }
  if (problems.length === 0) return;
  const listed = problems.slice(0, listedProblems).join("; ");
  const rest = problems.length > listedProblems ? `; and ${problems.length - listedProblems} more` : "";
  throw new DynamoError("invalid-file", `${location}: the tensors disagree with ${reason}: ${listed}${rest}`);
}

/** As float32. Throws `invalid-file` for NaN and infinite weights. */
export async function readTensor(files: ModelFiles, name: string, tensor: PlacedTensor): Promise<Float32Array> {
  const { dtype, file, byteOffset, byteLength } = tensor;
  if (!isWeightDType(dtype)) {
    throw new DynamoError("invalid-file", `${files.location}: ${name} is ${dtype}, expected F32, F16 or BF16`);
  }
  const values = toFloats(await files.readRange(file, byteOffset, byteLength), dtype);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!Number.isFinite(value)) {
      throw new DynamoError("invalid-file", `${files.location}: expected finite weights, ${name}[${i}] is ${value}`);
    }
  }
  return values;
}
