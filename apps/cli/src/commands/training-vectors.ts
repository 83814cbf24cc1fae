/** `dynamo training-vectors`: losses, gradients and weights against a reference framework's. */
import { createNodeRuntime, type NodeRuntimeOptions } from "@dynamo/runtime-node";
import { runTrainingVectors } from "@dynamo/train/node";
import { exitCodes } from "../exit-codes.js";

export async function trainingVectors(folder: string, { device }: { readonly device: string }): Promise<void> {
  const runtime = createNodeRuntime({ device: device as NonNullable<NodeRuntimeOptions["device"]> });
  let [passed, failed] = [0, 0];
  try {
    for await (const check of runTrainingVectors(runtime, folder)) {
      if (check.passed) passed++;
      else {
        failed++;
        console.log(`${check.name}: ${check.detail}`);
      }
    }
  } finally {
    await runtime.dispose();
  }
  console.log(`${passed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = exitCodes.failure;
}
