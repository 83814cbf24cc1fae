/** What a queue of jobs is, and what it is opened with. */

/** pg-boss's own contract. */
export interface Database {
  executeSql(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
}

/** Settings of one queue. */
export interface QueueSettings {
  readonly name: string;
  /** Of jobs with the same key, one waits there at a time. */
  readonly oneWaits?: boolean;
  /** Where jobs go that their workers did not survive so often. */
  readonly deadLetter?: string;
}

/** A job that a worker was given. */
export interface QueuedJob<Data> {
  readonly id: string;
  readonly data: Data;
}

/** Jobs to take away. */
export type Forgettable = "failed" | "waiting";

/** Queues of jobs in a database. */
export interface JobQueue {
  readonly database: Database;
  /** Nothing when a job of this key waits already. */
  send(name: string, data: object, key: string): Promise<void>;
  /** Jobs of ids that are there already are not put in again. */
  insert(name: string, jobs: readonly QueuedJob<object>[]): Promise<void>;
  take<Data>(name: string): Promise<QueuedJob<Data> | undefined>;
  done(name: string, id: string, output?: object): Promise<void>;
  /** Those of these jobs that have ended, of at most 500 that are asked for first; their outputs are as they were given. */
  ended(name: string, ids: readonly string[]): Promise<readonly unknown[]>;
  /** Takes jobs away: those that failed or whose output has an `error`, or those that nobody has begun. */
  forget(name: string, ids: readonly string[], which: Forgettable): Promise<void>;
  /** Back to the queue. */
  giveBack(name: string, id: string): Promise<void>;
  /** It is still being run, and got on or not; false when it is somebody else's by now. */
  touch(name: string, id: string, advanced: boolean): Promise<boolean>;
  /** Jobs of a process that does not live any more go back at once: for a database that one process has. */
  reclaim(): Promise<void>;
  close(): Promise<void>;
}

/** Options of a job queue: one of the two databases. */
export interface JobQueueOptions {
  /** An embedded one. */
  readonly database?: Database | undefined;
  /** PostgreSQL's, without an embedded one. */
  readonly databaseUrl?: string | undefined;
  readonly queues: readonly QueueSettings[];
  /** Seconds between two looks for jobs whose worker is gone. */
  readonly maintenanceSeconds: number;
  readonly onError: (error: Error) => void;
}
