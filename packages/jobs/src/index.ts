/** @dynamo/jobs: jobs that survive their workers. */
export { openEmbedded } from "./database.js";
export type { EmbeddedDatabase } from "./database.js";
export { jobId, openJobQueue } from "./job-queue.js";
export type { Database, JobQueue, JobQueueOptions, QueuedJob, QueueSettings } from "./queue.js";
export { workOn } from "./work.js";
export type { Touch, WorkOptions, WorkOutcome } from "./work.js";
