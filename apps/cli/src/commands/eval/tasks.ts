/** `dynamo eval tasks`: published question sets. */
import { DynamoError } from "@dynamo/core";
import {
  builtInTasks,
  readTaskDefinition,
  type GroupScores,
  type TaskDefinition,
  type TaskRun,
  type TasksSummary,
  type TaskSummary,
  type Writing,
} from "@dynamo/eval";
import { modelPath } from "@dynamo/stories";
import { paint } from "../../paint.js";
import { columnsText, type Row } from "./columns.js";
import { localData } from "./local-data.js";
import { runSpec } from "./run-spec.js";
import type { TasksOptions } from "../../schemas/evaluation.js";

export async function evalTasks(model: string | undefined, options: TasksOptions, signal: AbortSignal): Promise<void> {
  if (options.list) {
    console.log(listText());
    return;
  }
  const { limit, fewShotSeed } = options;
  const runs = await runsOf(options, signal);
  const settings = { model: model ?? modelPath, tasks: runs, limit, fewShotSeed, writing: writingOf(options) };
  await runSpec({ kind: "tasks", options: settings }, { options, signal, unit: "jobs", print });
}

async function runsOf(
  { task = [], taskFile = [], fewShot, fewShotData = [], cache }: TasksOptions,
  signal: AbortSignal,
): Promise<TaskRun[]> {
  if (task.length === 0)
    throw new DynamoError("invalid-argument", "expected --task NAME=DATA, or --list to see the tasks there are");
  const own = new Map<string, TaskDefinition>();
  for (const file of taskFile) {
    const definition = await readTaskDefinition(file);
    own.set(definition.name, definition);
  }
  const sets = task.map((pair) => partsOf("--task", pair));
  const examples = new Map(fewShotData.map((pair) => partsOf("--few-shot-data", pair)));
  for (const name of [...own.keys(), ...examples.keys()])
    if (!sets.some(([known]) => known === name))
      throw new DynamoError("invalid-argument", `expected --task ${name}=DATA, received none`);
  const runs: TaskRun[] = [];
  for (const [name, data] of sets) {
    const shots = examples.get(name);
    runs.push({
      ...{ task: own.get(name) ?? name, data: await localData(data, { cache, signal }), fewShot },
      ...(shots === undefined ? {} : { fewShotData: await localData(shots, { cache, signal }) }),
    });
  }
  return runs;
}

function partsOf(option: string, pair: string): [name: string, data: string] {
  const [, name = "", data = ""] = /^([^=]+)=(.+)$/s.exec(pair) ?? [];
  if (name === "") throw new DynamoError("invalid-argument", `expected ${option} NAME=DATA, received ${pair}`);
  return [name, data];
}

function writingOf(options: TasksOptions): Writing {
  const { strategy, backoff, temperature, repetitionPenalty, maxNewTokens, seed } = options;
  if (strategy !== "dynamo" && backoff !== undefined)
    throw new DynamoError("invalid-argument", "--backoff is for --strategy dynamo");
  return {
    ...{ temperature, repetitionPenalty, maxNewTokens, seed },
    ...(strategy === undefined
      ? {}
      : { strategy: strategy === "dynamo" ? { strategy, backoff: backoff ?? 0.5 } : { strategy } }),
  };
}

const listText = (): string =>
  columnsText(
    builtInTasks.map(({ name, metrics, forms }) => ({
      task: name,
      metrics: shown(metrics).join(", "),
      rows: forms.map(({ expected }) => expected).join(" or "),
    })),
  );

function print({ tasks: all }: TasksSummary): void {
  console.log(columnsText(all.flatMap(rowsOf)));
  for (const { task, groups } of all) {
    if (groups === undefined) continue;
    console.log(`\n${paint.dim(task)}`);
    console.log(columnsText(Object.entries(groups).map(([name, scores]) => groupRow(name, scores))));
  }
  const notes = all.flatMap(notesOf);
  if (notes.length > 0) console.log(`\n${notes.join("\n")}`);
}

const rowsOf = ({ task, metrics, documents, fewShot }: TaskSummary): Row[] =>
  shown(Object.keys(metrics), metrics).map((name) => ({
    ...{ task, metric: name, value: fixed(metrics[name]?.value), "±": fixed(metrics[name]?.standardError) },
    ...{ questions: documents, examples: fewShot },
  }));

const groupRow = (group: string, { documents, metrics }: GroupScores): Row => ({
  group,
  ...Object.fromEntries(shown(Object.keys(metrics)).map((name) => [name, fixed(metrics[name]?.value)])),
  questions: documents,
});

/** By characters only where that is another number than by bytes. */
const shown = (names: readonly string[], metrics: GroupScores["metrics"] = {}): string[] =>
  names.filter((name) => name !== "acc_norm_characters" || metrics[name]?.value !== metrics["acc_norm"]?.value);

function notesOf({ task, truncated, writing }: TaskSummary): string[] {
  const { documents, tokens } = truncated;
  return [
    ...(documents > 0
      ? [
          `${task}: ${documents} questions were longer than the model's context; ${tokens} tokens were cut off at the left`,
        ]
      : []),
    ...(writing === undefined ? [] : [`${task}: ${writing.tokensPerPass.toFixed(2)} tokens per pass in its answers`]),
  ];
}

const fixed = (value: number | null | undefined): string =>
  value === null || value === undefined ? "" : value.toFixed(value < 100 ? 4 : 1);
