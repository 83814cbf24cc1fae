/** Examples before a question, chosen as lm-evaluation-harness chooses them and the same whoever asks. */
import { DynamoError } from "@dynamo/core";
import type { DocumentFile } from "./document-file.js";
import { showQuestion } from "./kinds.js";
import { createPythonRandom, type PythonRandom } from "./python-random.js";
import type { Place } from "./records.js";
import { questionOf, type Task } from "./task.js";

export interface FewShotOptions {
  readonly count: number;
  readonly seed: number;
  /** The examples' file is the questions' own: a question is no example of itself. */
  readonly own: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What stands before document `document` of a file (from 0); "" without examples. */
export type Examples = (document: number) => Promise<string>;

/** Throws `invalid-argument` where the file has too few documents, at the first call. */
export function examplesOf(task: Task, file: DocumentFile, options: FewShotOptions): Examples {
  const { count, own } = options;
  if (count === 0) return () => Promise.resolve("");
  let index: Promise<Place[]> | undefined;
  const choose = task.examples === "first" ? firstOnes(own, count) : drawnOnes(options);
  return async (document) => {
    const places = await (index ??= placesOf(file, options));
    const chosen = choose(document, places.length);
    const shown = chosen.map(async (i) => {
      const [row] = await file.read(places[i] as Place, i);
      return row === undefined ? "" : showQuestion(questionOf(task, row), task.delimiter) + task.fewShotDelimiter;
    });
    return (await Promise.all(shown)).join("");
  };
}

async function placesOf(file: DocumentFile, { count, own, signal }: FewShotOptions): Promise<Place[]> {
  const all: Place[] = [];
  for await (const places of file.places(signal)) for (const place of places) all.push(place);
  const needed = count + Number(own);
  if (all.length < needed)
    throw new DynamoError(
      "invalid-argument",
      `${file.path}: expected ${needed} documents for ${count} examples, received ${all.length}`,
    );
  return all;
}

const firstOnes =
  (own: boolean, count: number) =>
  (document: number): number[] =>
    Array.from({ length: count + 1 }, (_, i) => i)
      .filter((i) => !own || i !== document)
      .slice(0, count);

/**
 * One stream of draws serves all the documents of a file in their order. A document's draws are found by drawing for those
 * before it: the same in every process; going on from the last one where that is possible.
 */
function drawnOnes({ count, seed, own }: FewShotOptions): (document: number, population: number) => number[] {
  let [random, next]: [PythonRandom, number] = [createPythonRandom(seed), 0];
  return (document, population) => {
    if (document < next) [random, next] = [createPythonRandom(seed), 0];
    for (; next < document; next++) random.sample(population, count + Number(own));
    next++;
    const drawn = random.sample(population, count + Number(own));
    return drawn.filter((i) => !own || i !== document).slice(0, count);
  };
}
