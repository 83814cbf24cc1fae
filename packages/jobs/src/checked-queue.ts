/** A queue for callers in plain JavaScript: arguments are checked, and what goes wrong in the database is a DynamoError. */
import { DynamoError } from "@dynamo/core";
import { checkValue, flag, isPlainObject, listOf, oneOf, someText, valueCheck } from "@dynamo/core/options";
import type { Database, Forgettable, JobQueue, QueuedJob } from "./queue.js";

const isJson = (value: unknown): boolean => isPlainObject(value) && typeof JSON.stringify(value) === "string";
const isId = (value: unknown): boolean =>
  typeof value === "string" && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value);

const json = valueCheck<object>("plain JSON, an object", isJson);
const id = valueCheck<string>("a job's id, as jobId() makes it", isId);
const ids = listOf(id, "a list of jobs' ids, each as jobId() makes it");
const jobs = listOf(
  valueCheck<QueuedJob<object>>("", (value) => {
    if (!isPlainObject(value)) return false;
    const { id: own, data, ...unknown } = value as Partial<QueuedJob<object>>;
    return isId(own) && isJson(data) && Object.keys(unknown).length === 0;
  }),
  "a list of jobs { id, data }: an id as jobId() makes it, and plain JSON",
);
const which = oneOf<Forgettable>("failed", "waiting");
const valuesCheck = valueCheck<unknown[]>("a list of values", Array.isArray);

/** A database's other errors keep their message, under the code `runtime`. */
export async function inDatabase<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    if (DynamoError.is(cause)) throw cause;
    // A connection that is refused at several addresses has its reason in its code alone.
    const { message = "", code = "" } = (cause ?? {}) as { readonly message?: string; readonly code?: string };
    throw new DynamoError("runtime", `the database of jobs: ${message || code || String(cause)}`, { cause });
  }
}

/** Throws `invalid-argument` for a statement that is none. */
export function checkStatement(text: string, values: unknown[]): void {
  checkValue("text", text, someText);
  checkValue("values", values, valuesCheck);
}

const checkedDatabase = (database: Database): Database => ({
  executeSql: (text, values = []) =>
    inDatabase(() => {
      checkStatement(text, values);
      return database.executeSql(text, values);
    }),
});

/** `names` are the queues that there are. */
export function checkedQueue(queue: JobQueue, names: readonly string[]): JobQueue {
  const known = oneOf(...names);
  const on = <Result>(name: string, work: () => Promise<Result>): Promise<Result> =>
    inDatabase(() => {
      checkValue("name", name, known);
      return work();
    });
  const onJob = <Result>(name: string, job: string, work: () => Promise<Result>): Promise<Result> =>
    on(name, () => {
      checkValue("id", job, id);
      return work();
    });
  const onJobs = <Result>(name: string, list: readonly string[], work: () => Promise<Result>): Promise<Result> =>
    on(name, () => {
      checkValue("ids", list, ids);
      return work();
    });
  return {
    database: checkedDatabase(queue.database),
    send: (name, data, key) =>
      on(name, () => {
        checkValue("data", data, json);
        checkValue("key", key, someText);
        return queue.send(name, data, key);
      }),
    insert: (name, list) =>
      on(name, () => {
        checkValue("jobs", list, jobs);
        return queue.insert(name, list);
      }),
    take: (name) => on(name, () => queue.take(name)),
    done: (name, job, output) =>
      onJob(name, job, () => {
        if (output !== undefined) checkValue("output", output, json);
        return queue.done(name, job, output);
      }),
    ended: (name, list) => onJobs(name, list, () => queue.ended(name, list)),
    forget: (name, list, state) =>
      onJobs(name, list, () => {
        checkValue("which", state, which);
        return queue.forget(name, list, state);
      }),
    giveBack: (name, job) => onJob(name, job, () => queue.giveBack(name, job)),
    touch: (name, job, advanced) =>
      onJob(name, job, () => {
        checkValue("advanced", advanced, flag);
        return queue.touch(name, job, advanced);
      }),
    reclaim: () => inDatabase(() => queue.reclaim()),
    close: () => inDatabase(() => queue.close()),
  };
}
