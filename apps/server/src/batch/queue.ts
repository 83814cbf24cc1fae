/** The queues of batches: what to do next with a batch, a part of one, and a part that its workers did not survive. */
import { jobId, openJobQueue, type JobQueue, type JobQueueOptions } from "@dynamo/jobs";
import type { Part } from "./check-input.js";

export const queues = { step: "dynamo-batch", part: "dynamo-part", lost: "dynamo-part-lost" } as const;

export interface StepJob {
  readonly batch: string;
}
export interface PartJob extends StepJob, Part {}

export interface BatchQueue {
  readonly jobs: JobQueue;
  /** Nothing when the batch is in the queue already. */
  sendStep(batch: string): Promise<void>;
  /** The same parts may be sent twice. */
  sendParts(batch: string, parts: readonly Part[]): Promise<void>;
}

export async function openQueue(options: Omit<JobQueueOptions, "queues">): Promise<BatchQueue> {
  const jobs = await openJobQueue({
    ...options,
    queues: [
      { name: queues.lost },
      { name: queues.part, deadLetter: queues.lost },
      { name: queues.step, oneWaits: true },
    ],
  });
  return {
    jobs,
    sendStep: (batch) => jobs.send(queues.step, { batch } satisfies StepJob, batch),
    sendParts: (batch, parts) =>
      jobs.insert(
        queues.part,
        parts.map((part) => ({ id: jobId(`${batch}/${part.first}`), data: { batch, ...part } satisfies PartJob })),
      ),
  };
}
