/** `dynamo training-vectors`: losses, gradients and weights against a reference framework's. */
import { createNodeRuntime } from "@dynamo/runtime-node";
import { runTrainingVectors } from "@dynamo/train/node";
import { exitCodes } from "../exit-codes.js";
import type { TrainingVectorsOptions } from "../schemas/models.js";

export async function trainingVectors(folder: string, { device }: TrainingVectorsOptions): Promise<void> {
  const runtime = createNodeRuntime({ device });
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
