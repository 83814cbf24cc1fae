/** Tasks (paper, section 4): questions of published sets, scored as lm-evaluation-harness scores them. */
import { DynamoError } from "@dynamo/core";
import {
  checkOptions,
  isPlainObject,
  members,
  numberAbove,
  required,
  valueCheck,
  whole,
  finite,
  type OptionChecks,
} from "@dynamo/core/options";
import { folderCheck, pathCheck } from "../arguments.js";
import { settingCheck } from "../open-ended/write-text.js";
import type { Evaluation, EvalWorker, JsonObject } from "../evaluation.js";
import { scoreContinuations } from "../log-likelihood.js";
import { builtInTask } from "./built-in/index.js";
import { examplesOf, type Examples } from "./few-shot.js";
import type { DocumentFile } from "./definition/document-file.js";
import { askQuestion, questionMetrics, type Asked } from "./definition/kinds.js";
import type { Question } from "./question.js";
import type { Place } from "./records.js";
import { summarizeTasks, type DocumentResult, type TasksResult, type TasksSummary } from "./summary.js";
import { questionOf, subjectOf, type Task } from "./task.js";
import { compileTask, type TaskDefinition } from "./definition/task-definition.js";
import { openFile, taskFiles, type TaskFile } from "./definition/task-files.js";
import { writeAnswers, type Writing, type WrittenAnswer } from "./write-answers.js";

/** A task with its file of documents. */
export interface TaskRun {
  /** A task's name, or one's own. */
  readonly task: string | TaskDefinition;
  /** A file of documents in its published form, or a folder of them. */
  readonly data: string;
  /** Examples before each question; default 0. */
  readonly fewShot?: number | undefined;
  /** What they are taken from; default: the file itself, without the question. */
  readonly fewShotData?: string | undefined;
}

/** Settings of an evaluation by tasks. */
export interface TasksSettings {
  /** A model or checkpoint folder. */
  readonly model: string;
  readonly tasks: readonly TaskRun[];
  /** Documents of each file at most; default all. */
  readonly limit?: number | undefined;
  /** Of the examples that are drawn; default 1234, lm-evaluation-harness's. */
  readonly fewShotSeed?: number | undefined;
  /** How answers are written. */
  readonly writing?: Writing | undefined;
}

const taskCheck = valueCheck<string | TaskDefinition>(
  "a task's name or definition",
  (value) => typeof value === "string" || isPlainObject(value),
);

const runChecks: OptionChecks<TaskRun> = {
  task: required(taskCheck),
  data: required(pathCheck),
  fewShot: whole(0),
  fewShotData: pathCheck,
};

const checks: OptionChecks<TasksSettings> = {
  model: required(folderCheck),
  tasks: required(
    valueCheck<readonly TaskRun[]>("a list of a task or more", (value) => Array.isArray(value) && value.length > 0),
  ),
  limit: whole(1),
  fewShotSeed: whole(0, 2 ** 32 - 1),
  writing: members<Writing>({
    temperature: finite,
    topK: whole(1),
    repetitionPenalty: numberAbove(0),
    maxNewTokens: whole(1),
    strategy: settingCheck,
    seed: whole(0),
  }),
};

/** Documents of one file in a row. */
export interface TasksJob extends Place {
  readonly task: number;
  readonly file: number;
  /** Number of the first one in its file, from 0. */
  readonly document: number;
}

interface OpenFile {
  readonly documents: DocumentFile;
  readonly examples: Examples;
  readonly subject: string;
}

interface OpenTask {
  readonly task: Task;
  readonly fewShot: number;
  readonly files: readonly TaskFile[];
  readonly open: readonly OpenFile[];
}

/** Documents of a job: their requests fill passes together. */
const jobDocuments = 32;
const harnessSeed = 1234;

/** Throws `not-found` for files that are not there, `invalid-argument` for options out of range and unknown tasks. */
export async function tasks(settings: TasksSettings): Promise<Evaluation<TasksJob, TasksResult, TasksSummary>> {
  checkOptions("tasks()", settings, checks);
  const { model: folder, limit = Infinity, writing = {}, fewShotSeed = harnessSeed } = settings;
  for (const run of Array.from(settings.tasks)) checkOptions("a task to run", run, runChecks);
  const opened: OpenTask[] = [];
  for (const run of settings.tasks) opened.push(await openTask(run, fewShotSeed));
  return {
    kind: "tasks",
    models: [settings.model],
    settings: {
      ...(JSON.parse(JSON.stringify({ ...settings, fewShotSeed })) as JsonObject),
      files: JSON.parse(JSON.stringify(opened.map(({ files }) => files))) as JsonObject[],
    },
    async *jobs({ signal }) {
      for (const [task, { open }] of opened.entries())
        for (const [file, { documents }] of open.entries())
          for await (const job of jobsOf(documents, { limit, signal })) yield { task, file, ...job };
    },
    async run(job, worker) {
      const { task, open } = opened[job.task] as OpenTask;
      const documents = await askAll(task, open[job.file] as OpenFile, job);
      return {
        task: job.task,
        file: job.file,
        documents: await answerAll(task, documents, { folder, writing, worker }),
      };
    },
    summarize: (results) =>
      summarizeTasks(
        results,
        opened.map(({ task: { name, metrics }, fewShot, open }) => ({
          ...{ name, metrics, fewShot, subjects: open.map(({ subject }) => subject) },
        })),
      ),
  };
}

async function openTask({ task: named, data, fewShot = 0, fewShotData }: TaskRun, seed: number): Promise<OpenTask> {
  const task = typeof named === "string" ? builtInTask(named) : compileTask(named);
  if (fewShot > 0 && task.examples === "none")
    throw new DynamoError("invalid-argument", `${task.name} takes no examples: expected 0, received ${fewShot}`);
  const files = await taskFiles(task, data, { fewShot, fewShotData });
  const open = files.map((file) => {
    const own = file.examples?.path === file.path;
    const documents = openFile(task, file);
    const source = file.examples === null || own ? documents : openFile(task, file.examples);
    return {
      documents,
      examples: examplesOf(task, source, { count: fewShot, seed, own }),
      subject: subjectOf(file.path),
    };
  });
  return { task, fewShot, files, open };
}

/** Throws `invalid-file` for a file without a document. */
async function* jobsOf(
  documents: DocumentFile,
  { limit, signal }: { readonly limit: number; readonly signal: AbortSignal },
): AsyncGenerator<Omit<TasksJob, "task" | "file">> {
  let [count, held] = [0, [] as Place[]];
  const jobOf = (): Omit<TasksJob, "task" | "file"> => {
    const [first, last] = [held[0] as Place, held.at(-1) as Place];
    const job = { document: count - held.length, line: first.line, from: first.from, to: last.to };
    held = [];
    return job;
  };
  for await (const places of documents.places(signal)) {
    for (const place of places) {
      held.push(place);
      count++;
      if (held.length === jobDocuments || count === limit) yield jobOf();
      if (count === limit) return;
    }
  }
  if (count === 0) throw new DynamoError("invalid-file", `${documents.path}: expected documents, received none`);
  if (held.length > 0) yield jobOf();
}

interface AskedDocument extends Asked {
  readonly question: Question;
}

async function askAll(task: Task, { documents, examples, subject }: OpenFile, job: TasksJob): Promise<AskedDocument[]> {
  const rows = await documents.read(job, job.document);
  const description = task.description?.(subject) ?? "";
  const asked: AskedDocument[] = [];
  for (const [i, row] of rows.entries()) {
    const question = questionOf(task, row);
    const own = askQuestion(question, description + (await examples(job.document + i)), task.delimiter);
    if (own.requests.some(({ continuation }) => continuation === ""))
      throw new DynamoError("invalid-file", `${row.where}: expected a text to score, received an empty one`);
    asked.push({ ...own, question });
  }
  return asked;
}

interface Answering {
  readonly folder: string;
  readonly writing: Writing;
  readonly worker: EvalWorker;
}

async function answerAll(
  { stops }: Task,
  documents: readonly AskedDocument[],
  { folder, writing, worker }: Answering,
): Promise<DocumentResult[]> {
  const model = await worker.model(folder);
  const { signal } = worker;
  const scores = await scoreContinuations(
    model,
    documents.flatMap(({ requests }) => requests),
    { signal },
  );
  const prompts = documents.flatMap(({ prompt }) => (prompt === undefined ? [] : [prompt]));
  const answers = prompts.length === 0 ? [] : await writeAnswers(model, prompts, { writing, stops, signal });
  return documents.map(({ question, requests, prompt }) => {
    const own = scores.splice(0, requests.length);
    const answer = prompt === undefined ? undefined : answers.shift();
    const truncated = own.reduce((sum, score) => sum + score.truncated, answer?.truncated ?? 0);
    const metrics = questionMetrics(question, { scores: own, written: answer?.text ?? "" });
    return { metrics, truncated, ...groupOf(question), ...writingOf(answer) };
  });
}

const groupOf = ({ group }: Question): { group?: string } => (group === undefined ? {} : { group });

const writingOf = (answer: WrittenAnswer | undefined): Pick<DocumentResult, "writing"> =>
  answer === undefined
    ? {}
    : { writing: { tokens: answer.tokens, passes: answer.passes, isEmpty: answer.text === "" } };
