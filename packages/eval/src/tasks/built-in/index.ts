/** The tasks that are known by name. */
import { DynamoError } from "@dynamo/core";
import type { Task } from "../task.js";
import { choiceTasks } from "./choices.js";
import { knowledgeTasks } from "./knowledge.js";
import { readingTasks } from "./reading.js";

/** The tasks that come with this package. */
export const builtInTasks: readonly Task[] = [...choiceTasks, ...readingTasks, ...knowledgeTasks];

/** Throws `invalid-argument` that lists the names there are. */
export function builtInTask(name: string): Task {
  const task = builtInTasks.find((each) => each.name === name);
  if (task !== undefined) return task;
  const names = builtInTasks.map((each) => each.name).join(", ");
  throw new DynamoError("invalid-argument", `expected one of the tasks ${names}, received ${name}`);
}
