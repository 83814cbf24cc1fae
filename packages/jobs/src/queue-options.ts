/** What a queue of jobs is opened with, and what of it is refused. */
import { DynamoError } from "@dynamo/core";
import {
  callback,
  checkOptions,
  flag,
  hasMethods,
  listOf,
  plainObject,
  required,
  valueCheck,
  whole,
  type OptionChecks,
} from "@dynamo/core/options";
import type { Database, JobQueueOptions, QueueSettings } from "./queue.js";

const name = valueCheck<string>(
  "a queue's name of 1 to 100 letters, digits, dots, dashes and underscores",
  (value) => typeof value === "string" && /^[\w.-]{1,100}$/.test(value),
);
const settingsChecks: OptionChecks<QueueSettings> = { name: required(name), oneWaits: flag, deadLetter: name };
const optionChecks: OptionChecks<JobQueueOptions> = {
  database: valueCheck<Database>("a database, as openEmbedded() resolves to", (value) =>
    hasMethods(value, "executeSql"),
  ),
  // Its own check says nothing of what was given: that may hold a password.
  databaseUrl: valueCheck<string>("", () => true),
  queues: required(listOf<QueueSettings>(plainObject as never, "a list of queues { name, oneWaits, deadLetter }")),
  maintenanceSeconds: required(whole(1, 86_399)),
  onError: required(callback()),
};

/** Throws `invalid-argument`. */
export function checkQueueOptions(options: JobQueueOptions): void {
  checkOptions("openJobQueue()", options, optionChecks);
  checkAddress(options);
  const known = new Set<string>();
  for (const queue of options.queues) {
    checkOptions("a queue", queue, settingsChecks);
    if (known.has(queue.name)) fail(`queues: expected each name once, received ${queue.name} twice`);
    if (queue.deadLetter !== undefined && !known.has(queue.deadLetter))
      fail(`deadLetter of ${queue.name}: expected a queue that stands before it, received ${queue.deadLetter}`);
    known.add(queue.name);
  }
  if (known.size === 0) fail("queues: expected at least one, received none");
}

function checkAddress({ database, databaseUrl }: JobQueueOptions): void {
  const url: unknown = databaseUrl;
  if (url === undefined && database !== undefined) return;
  if (url === undefined) fail("openJobQueue(): expected a database or a databaseUrl, received neither");
  if (typeof url === "string" && /^postgres(ql)?:\/\//.test(url) && URL.canParse(url)) return;
  fail(
    "databaseUrl must be a PostgreSQL's address, postgres://user@host:port/name (not shown here: it may hold a password)",
  );
}

function fail(message: string): never {
  throw new DynamoError("invalid-argument", message);
}
