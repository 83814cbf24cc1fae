/** Examples before a question, chosen as lm-evaluation-harness chooses them and the same whoever asks. */
import { DynamoError } from "@dynamo/core";
import type { DocumentFile } from "./definition/document-file.js";
import { showQuestion } from "./definition/kinds.js";
import { createPythonRandom, type PythonRandom } from "./python-random.js";
import type { Place } from "./records.js";
import { questionOf, type Task } from "./task.js";

export interface FewShotOptions {
  readonly count: number;
  readonly seed: number;
  /** The examples' file is the questions' own: a question is no example of itself. */
  readonly own: boolean;
}

/** What stands before document `document` of a file (from 0); "" without examples. */
export type Examples = (document: number) => Promise<string>;

/** Throws `invalid-argument` where the file has too few documents, at the first call. */
export function examplesOf(task: Task, file: DocumentFile, options: FewShotOptions): Examples {
  const { count, own } = options;
  if (count === 0) return () => Promise.resolve("");
  let index: Promise<Place[]> | undefined;
  const choose = task.examples === "first" ? firstOnes(own, count) : drawnOnes(task.spareExample, options);
  return async (document) => {
    const places = await (index ??= placesOf(file, options, task.examples === "drawn" && task.spareExample));
    const chosen = choose(document, places.length);
    const shown = chosen.map(async (i) => {
      const [row] = await file.read(places[i] as Place, i);
      return row === undefined ? "" : showQuestion(questionOf(task, row), task.delimiter) + task.fewShotDelimiter;
    });
    return (await Promise.all(shown)).join("");
  };
}

async function placesOf(file: DocumentFile, { count, own }: FewShotOptions, spare: boolean): Promise<Place[]> {
  const all: Place[] = [];
  for await (const places of file.places()) for (const place of places) all.push(place);
  const needed = count + Number(own || spare);
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
function drawnOnes(
  spare: boolean,
  { count, seed, own }: FewShotOptions,
): (document: number, population: number) => number[] {
  const size = count + Number(spare);
  let [random, next]: [PythonRandom, number] = [createPythonRandom(seed), 0];
  return (document, population) => {
    if (document < next) [random, next] = [createPythonRandom(seed), 0];
    for (; next < document; next++) random.sample(population, size);
    next++;
    const drawn = random.sample(population, size);
    if (!own || !drawn.includes(document)) return drawn.slice(0, count);
    if (spare) return drawn.filter((i) => i !== document);
    // The harness would show the question with its answer; the first behind it that is not drawn takes its place.
    let other = document;
    while (drawn.includes(other)) other = (other + 1) % population;
    return drawn.map((i) => (i === document ? other : i));
  };
}
