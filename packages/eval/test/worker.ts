/** For tests: a worker of this process, and an evaluation run in it from the first job to the summary. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadModel, type LoadedModel } from "@dynamo/model";
import { createNodeRuntime } from "@dynamo/runtime-node";
import type { EvalWorker, Evaluation } from "../src/evaluation.js";

export interface TestWorker extends EvalWorker {
  close(): Promise<void>;
}

export async function testWorker(): Promise<TestWorker> {
  const runtime = createNodeRuntime({ device: "cpu" });
  const scratch = await mkdtemp(join(tmpdir(), "dynamo-eval-"));
  const models = new Map<string, Promise<LoadedModel>>();
  return {
    scratch,
    signal: new AbortController().signal,
    model(folder) {
      const model = models.get(folder) ?? loadModel(runtime, folder);
      models.set(folder, model);
      return model;
    },
    async close() {
      await runtime.dispose();
      await rm(scratch, { recursive: true, force: true });
    },
  };
}

/** From the first job to the summary. */
export async function runHere<Job, Result, Summary>(
  evaluation: Evaluation<Job, Result, Summary>,
  worker: EvalWorker,
): Promise<Summary> {
  async function* results(): AsyncGenerator<Result> {
    for await (const job of evaluation.jobs(worker)) yield await evaluation.run(job, worker);
  }
  return evaluation.summarize(results());
}
