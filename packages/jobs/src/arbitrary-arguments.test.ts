/** The public functions in the hands of plain JavaScript: whatever they are given, only a DynamoError comes out. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { callContract } from "@dynamo/call-contract";
import { functionNames, type PublicCall } from "@dynamo/core/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openEmbedded, openJobQueue, type EmbeddedDatabase, type JobQueue } from "./index.js";
import * as jobs from "./index.js";

const folder = mkdtempSync(join(tmpdir(), "dynamo-jobs-arguments-"));
let database: EmbeddedDatabase;
let queue: JobQueue;
beforeAll(async () => {
  database = await openEmbedded(folder);
  queue = await openJobQueue({ database, queues: [{ name: "a" }], maintenanceSeconds: 60, onError: () => undefined });
});
afterAll(async () => {
  await queue.close();
  await database.close();
  rmSync(folder, { recursive: true });
});

const onError = (): void => undefined;
const broken = { executeSql: () => Promise.reject(new Error("it is not there")) };
const settings = { queues: [{ name: "a" }, { name: "b", oneWaits: true, deadLetter: "a" }], maintenanceSeconds: 5 };
const id = jobs.jobId("one");
const work = { log: onError, queue: { take: () => Promise.resolve(undefined), touch: onError, done: onError, giveBack: onError } }; // prettier-ignore

const functions: Readonly<Record<string, PublicCall>> = {
  openEmbedded: { call: openEmbedded, right: ["/none/such"] },
  openJobQueue: {
    call: (given: object, queues: unknown) =>
      openJobQueue((typeof given === "object" ? { ...given, queues, onError } : given) as never),
    right: [{ database: broken, maintenanceSeconds: 5 }, settings.queues],
    options: [[0], [1, 0], [1, 1]],
  },
  jobId: { call: jobs.jobId, right: ["one"] },
  workOn: { call: jobs.workOn, right: ["a", work, () => Promise.resolve("done")], options: [[1]] },
};
const outcomes: Readonly<Record<string, string>> = { openEmbedded: "not-found", openJobQueue: "runtime" };

const methods: Readonly<Record<Exclude<keyof JobQueue, "database">, PublicCall>> = {
  send: { call: (...given: Parameters<JobQueue["send"]>) => queue.send(...given), right: ["a", { n: 1 }, "key"] },
  insert: {
    call: (...given: Parameters<JobQueue["insert"]>) => queue.insert(...given),
    right: ["a", [{ id, data: { n: 1 } }]],
  },
  take: { call: (name: string) => queue.take(name), right: ["a"] },
  done: { call: (...given: Parameters<JobQueue["done"]>) => queue.done(...given), right: ["a", id, { n: 1 }] },
  ended: { call: (...given: Parameters<JobQueue["ended"]>) => queue.ended(...given), right: ["a", [id]] },
  forget: { call: (...given: Parameters<JobQueue["forget"]>) => queue.forget(...given), right: ["a", [id], "failed"] },
  giveBack: { call: (...given: Parameters<JobQueue["giveBack"]>) => queue.giveBack(...given), right: ["a", id] },
  touch: { call: (...given: Parameters<JobQueue["touch"]>) => queue.touch(...given), right: ["a", id, true] },
  reclaim: { call: () => queue.reclaim(), right: [] },
  close: { call: () => undefined, right: [] },
};
const statements: Readonly<Record<string, PublicCall>> = {
  "an embedded database's executeSql": {
    call: (text: string, values: unknown[]) => database.executeSql(text, values),
    right: ["SELECT $1::text", ["a"]],
  },
  "a queue's executeSql": {
    call: (text: string, values: unknown[]) => queue.database.executeSql(text, values),
    right: ["SELECT $1::text", ["a"]],
  },
};

callContract(
  { ...functions, ...methods, ...statements },
  {
    runs: 20,
    takesPaths: true,
    unknownOption: ["nme", / has no option nme: .*expected one of /],
    expectRight: (name, outcome) => {
      expect(outcome).toBe(outcomes[name] ?? "settled");
    },
  },
);

test("every public function and every method of a queue is here", () => {
  expect(Object.keys(functions).sort()).toEqual(functionNames(jobs).sort());
  expect(Object.keys(methods).sort()).toEqual(functionNames(queue).sort());
});

const open = (change: object): Promise<JobQueue> => openJobQueue({ ...settings, onError, database: broken, ...change });
test.each([
  [() => open({ database: undefined }), "expected a database or a databaseUrl, received neither"],
  [() => open({ databaseUrl: "postgres:me:secret@there" }), /^databaseUrl must be a PostgreSQL's address(?!.*secret)/],
  [
    () => open({ queues: [{ name: "a", deadletter: "b" }] }),
    "a queue has no option deadletter: did you mean deadLetter?",
  ],
  [() => open({ queues: [{ name: "a" }, { name: "a" }] }), "expected each name once, received a twice"],
  [() => open({ queues: [{ name: "a", deadLetter: "b" }] }), "expected a queue that stands before it, received b"],
  [() => open({ queues: [] }), "queues: expected at least one, received none"],
  [() => open({}), "the database of jobs: it is not there"],
  [() => queue.take("b"), 'name must be one of "a", received "b"'],
  [() => queue.done("a", "3"), `id must be a job's id, as jobId() makes it, received "3"`],
  [() => queue.send("a", { n: 1n }, "k"), "data must be plain JSON, an object, received { n }"],
  [() => queue.database.executeSql("SELECT nothing"), /^the embedded database: .*"nothing" does not exist/],
  [() => database.executeSql("SELECT $1", [onError]), "values must be texts, numbers, flags"],
  [
    () => jobs.workOn("a", { queues: {}, log: onError } as never, () => Promise.resolve("done")),
    "workOn() has no option queues: did you mean queue?",
  ],
])("case %#", async (call, message) => {
  await expect(Promise.resolve(call())).rejects.toThrow(message);
});
