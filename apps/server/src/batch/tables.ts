/** The tables of batches, and their rows. */
import { array, int, looseObject, record, string, enum as oneOf, unknown, type infer as Infer } from "zod";

const seconds = int().nullable();

export const batchRow = looseObject({
  id: string(),
  owner: string(),
  endpoint: oneOf(["/v1/completions", "/v1/chat/completions"]),
  input_file_id: string(),
  completion_window: string(),
  metadata: record(string(), string()).nullable(),
  status: oneOf([
    "validating",
    "failed",
    "in_progress",
    "finalizing",
    "completed",
    "expired",
    "cancelling",
    "cancelled",
  ]),
  errors: array(unknown()).nullable(),
  output_file_id: string().nullable(),
  error_file_id: string().nullable(),
  total: int(),
  completed: int(),
  failed: int(),
  /** Its parts are in the queue. */
  queued: int(),
  created_at: int(),
  expires_at: int(),
  in_progress_at: seconds,
  finalizing_at: seconds,
  completed_at: seconds,
  failed_at: seconds,
  expired_at: seconds,
  cancelling_at: seconds,
  cancelled_at: seconds,
});
export type BatchRow = Infer<typeof batchRow>;

/** Several processes may come at once: the lock is the transaction's. */
export const createTables = `
BEGIN;
SELECT pg_advisory_xact_lock(7271837);
CREATE SCHEMA IF NOT EXISTS dynamo;
CREATE TABLE IF NOT EXISTS dynamo.batch (
  id text PRIMARY KEY,
  owner text NOT NULL,
  endpoint text NOT NULL,
  input_file_id text NOT NULL,
  completion_window text NOT NULL,
  metadata jsonb,
  status text NOT NULL DEFAULT 'validating',
  errors jsonb,
  output_file_id text,
  error_file_id text,
  total int NOT NULL DEFAULT 0,
  completed int,
  failed int,
  queued int NOT NULL DEFAULT 0,
  created_at int NOT NULL,
  expires_at int NOT NULL,
  in_progress_at int, finalizing_at int, completed_at int, failed_at int, expired_at int, cancelling_at int, cancelled_at int
);
CREATE INDEX IF NOT EXISTS batch_owner ON dynamo.batch (owner, id);
CREATE TABLE IF NOT EXISTS dynamo.batch_line (
  batch text NOT NULL REFERENCES dynamo.batch ON DELETE CASCADE,
  line int NOT NULL,
  ok boolean NOT NULL,
  answer text NOT NULL,
  PRIMARY KEY (batch, line)
);
COMMIT;`;

export const now = "extract(epoch from now())::int";

/** A batch with its counts: of its lines while they are computed, kept with it afterwards. */
export const selectBatch = `
SELECT b.id, b.owner, b.endpoint, b.input_file_id, b.completion_window, b.metadata, b.status, b.errors,
  b.output_file_id, b.error_file_id, b.total, b.queued, b.created_at, b.expires_at, b.in_progress_at, b.finalizing_at,
  b.completed_at, b.failed_at, b.expired_at, b.cancelling_at, b.cancelled_at,
  coalesce(b.completed, l.completed)::int AS completed, coalesce(b.failed, l.failed)::int AS failed
FROM dynamo.batch b
LEFT JOIN LATERAL (
  SELECT count(*) FILTER (WHERE ok) AS completed, count(*) FILTER (WHERE NOT ok) AS failed
  FROM dynamo.batch_line WHERE batch = b.id
) l ON true`;
