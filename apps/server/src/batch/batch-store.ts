/** Batches and their finished lines in the database. Every change is one statement, which holds for one status only. */
import type { Database } from "@dynamo/jobs";
import type { LineFault } from "./input.js";
import { batchRow, createTables, now, selectBatch, type BatchRow } from "./tables.js";

export interface NewBatch {
  readonly id: string;
  readonly owner: string;
  readonly endpoint: string;
  readonly inputFileId: string;
  readonly completionWindow: string;
  readonly seconds: number;
  readonly metadata: Readonly<Record<string, string>> | undefined;
}

export interface FinishedLine {
  readonly line: number;
  readonly ok: boolean;
  readonly answer: string;
}

export interface BatchEnd {
  readonly status: "completed" | "expired" | "cancelled";
  readonly completed: number;
  readonly failed: number;
  readonly outputFileId: string | null;
  readonly errorFileId: string | null;
}

export interface BatchStore extends BatchReads, BatchChanges, LineRows {}

interface BatchReads {
  find(id: string, owner?: string): Promise<BatchRow | undefined>;
  /** The newest first, those before `after`. */
  list(owner: string, limit: number, after: string | undefined): Promise<BatchRow[]>;
  /** The id of a batch that still needs the file. */
  userOf(fileId: string): Promise<string | undefined>;
  /** Batches for which there is something to do that is no line. */
  due(): Promise<string[]>;
}

interface BatchChanges {
  create(batch: NewBatch): Promise<void>;
  begin(id: string, total: number): Promise<void>;
  setQueued(id: string): Promise<void>;
  /** A batch in `from` comes to be in `to`; false when it is not in `from` any more. */
  move(id: string, from: readonly BatchRow["status"][], to: "finalizing" | "cancelling"): Promise<boolean>;
  fail(id: string, faults: readonly LineFault[]): Promise<void>;
  end(id: string, end: BatchEnd): Promise<void>;
}

interface LineRows {
  /** Once a line: a second answer is dropped. False when the batch takes none any more. */
  record(id: string, line: FinishedLine): Promise<boolean>;
  /** Numbers of finished lines from `first` on. */
  finished(id: string, first: number): Promise<Set<number>>;
  /** In order, in pages. */
  answers(id: string): AsyncGenerator<FinishedLine, void>;
  /** Lines of batches that have ended long ago: their files have them. */
  forget(): Promise<void>;
}

export const createBatchTables = async (database: Database): Promise<void> => {
  await database.executeSql(createTables);
};

const answersPerPage = 200;

export const batchStore = (database: Database): BatchStore => {
  const rows = queryOf(database);
  return { ...batchReads(rows), ...batchChanges(rows), ...lineRows(rows) };
};

type Query = (text: string, values: unknown[]) => Promise<Record<string, unknown>[]>;

const queryOf =
  (database: Database): Query =>
  async (text, values) =>
    (await database.executeSql(text, values)).rows as Record<string, unknown>[];

function batchReads(rows: Query): BatchReads {
  return {
    async find(id, owner) {
      const found = await rows(`${selectBatch} WHERE b.id = $1 AND ($2::text IS NULL OR b.owner = $2)`, [
        id,
        owner ?? null,
      ]);
      return found[0] === undefined ? undefined : batchRow.parse(found[0]);
    },
    async list(owner, limit, after) {
      const where = "WHERE b.owner = $1 AND ($2::text IS NULL OR b.id < $2) ORDER BY b.id DESC LIMIT $3";
      return (await rows(`${selectBatch} ${where}`, [owner, after ?? null, limit])).map((row) => batchRow.parse(row));
    },
    async userOf(fileId) {
      const open = "('validating', 'in_progress', 'finalizing', 'cancelling')";
      const text = `SELECT id FROM dynamo.batch WHERE input_file_id = $1 AND status IN ${open} LIMIT 1`;
      return (await rows(text, [fileId]))[0]?.["id"] as string | undefined;
    },
    async due() {
      const found = await rows(
        `SELECT id FROM dynamo.batch b
         WHERE status IN ('validating', 'finalizing', 'cancelling') OR (status = 'in_progress' AND (
           queued = 0 OR expires_at < ${now} OR total <= (SELECT count(*) FROM dynamo.batch_line WHERE batch = b.id)))
         ORDER BY id`,
        [],
      );
      return found.map(({ id }) => id as string);
    },
  };
}

function batchChanges(rows: Query): BatchChanges {
  return {
    async create({ id, owner, endpoint, inputFileId, completionWindow, seconds, metadata }) {
      await rows(
        `INSERT INTO dynamo.batch (id, owner, endpoint, input_file_id, completion_window, metadata, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6::jsonb, ${now}, ${now} + $7::int)`,
        [
          id,
          owner,
          endpoint,
          inputFileId,
          completionWindow,
          metadata === undefined ? null : JSON.stringify(metadata),
          seconds,
        ],
      );
    },
    async begin(id, total) {
      await rows(
        `UPDATE dynamo.batch SET status = 'in_progress', in_progress_at = ${now}, total = $2
         WHERE id = $1 AND status = 'validating'`,
        [id, total],
      );
    },
    async setQueued(id) {
      await rows("UPDATE dynamo.batch SET queued = 1 WHERE id = $1", [id]);
    },
    async move(id, from, to) {
      const moved = await rows(
        `UPDATE dynamo.batch SET status = $2, ${to}_at = ${now}
         WHERE id = $1 AND status IN (SELECT jsonb_array_elements_text($3::jsonb)) RETURNING id`,
        [id, to, JSON.stringify(from)],
      );
      return moved.length > 0;
    },
    async fail(id, faults) {
      await rows(
        `UPDATE dynamo.batch SET status = 'failed', failed_at = ${now}, errors = $2::jsonb
         WHERE id = $1 AND status IN ('validating', 'in_progress')`,
        [id, JSON.stringify(faults)],
      );
    },
    async end(id, { status, completed, failed, outputFileId, errorFileId }) {
      await rows(
        `UPDATE dynamo.batch SET status = $2, ${status}_at = ${now}, completed = $3, failed = $4,
           output_file_id = $5, error_file_id = $6
         WHERE id = $1 AND status IN ('finalizing', 'cancelling')`,
        [id, status, completed, failed, outputFileId, errorFileId],
      );
    },
  };
}

function lineRows(rows: Query): LineRows {
  return {
    // FOR SHARE: whoever ends the batch waits for the lines that are being recorded.
    async record(id, { line, ok, answer }) {
      const open = await rows(
        `WITH open AS (SELECT id FROM dynamo.batch WHERE id = $1 AND status = 'in_progress' FOR SHARE),
         added AS (
           INSERT INTO dynamo.batch_line (batch, line, ok, answer) SELECT id, $2::int, $3::boolean, $4::text FROM open
           ON CONFLICT DO NOTHING)
         SELECT id FROM open`,
        [id, line, ok, answer],
      );
      return open.length > 0;
    },
    async finished(id, first) {
      const found = await rows("SELECT line FROM dynamo.batch_line WHERE batch = $1 AND line >= $2::int", [id, first]);
      return new Set(found.map(({ line }) => line as number));
    },
    async *answers(id) {
      for (let last = 0; ;) {
        const page = (await rows(
          "SELECT line, ok, answer FROM dynamo.batch_line WHERE batch = $1 AND line > $2::int ORDER BY line LIMIT $3::int",
          [id, last, answersPerPage],
        )) as unknown as FinishedLine[];
        yield* page;
        last = page.at(-1)?.line ?? last;
        if (page.length < answersPerPage) return;
      }
    },
    async forget() {
      await rows(
        `DELETE FROM dynamo.batch_line l USING dynamo.batch b WHERE l.batch = b.id AND
           greatest(b.completed_at, b.expired_at, b.cancelled_at, b.failed_at) < ${now} - 3600`,
        [],
      );
    },
  };
}
