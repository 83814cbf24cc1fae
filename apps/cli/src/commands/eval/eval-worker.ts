/** What an evaluation's jobs may use in this process: models that stay open from one job to the next, and a folder. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EvalWorker } from "@dynamo/eval";
import { openModel, type OpenModel } from "../../open-model.js";
import type { ModelOptions } from "../../schemas/common.js";

export interface OpenWorker {
  readonly worker: EvalWorker;
  close(): Promise<void>;
}

export async function openWorker(options: ModelOptions, signal: AbortSignal): Promise<OpenWorker> {
  const scratch = await mkdtemp(join(tmpdir(), "dynamo-eval-"));
  const opened = new Map<string, OpenModel>();
  return {
    worker: {
      scratch,
      signal,
      async model(folder) {
        const own = opened.get(folder) ?? (await openModel(folder, options, signal));
        opened.set(folder, own);
        return own.model;
      },
    },
    async close() {
      for (const { close } of opened.values()) await close();
      await rm(scratch, { recursive: true, force: true });
    },
  };
}
