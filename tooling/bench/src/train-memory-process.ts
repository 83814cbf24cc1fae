/** The process that `train-memory` measures: some steps of a case, then its peak memory in bytes on stdout. */
import { createNodeRuntime } from "@dynamo/runtime-node";
import { peakBytes } from "./peak-bytes.js";
import { randomRows, threads, trainerOf, type TrainingCase } from "./training-case.js";
import { shapesOf } from "./training-shapes.js";

const own = JSON.parse(process.argv[2] ?? "") as TrainingCase;
const runtime = createNodeRuntime({ device: "cpu", threads });
const trainer = await trainerOf(runtime, own, shapesOf(own));
for (let step = 0; step < Number(process.argv[3]); step++)
  await trainer.step([randomRows(own)], step, { base: 1e-4, heads: 1e-3 });
process.stdout.write(String(peakBytes()));
await trainer.dispose();
await runtime.dispose();
