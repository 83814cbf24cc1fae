/** Golden vectors of one decoding step: any file of the form of decode-step.json. */
import { createNgramCounter, maxOrder, type CooccurrenceMask } from "@dynamo/cooccurrence";
import { DynamoError, type Candidates } from "@dynamo/core";
import { createDynamoStep, tupleOf, type OrderTrace, type StepOptions } from "./dynamo-step.js";
import { sum } from "./grid.js";

/** Probabilities agree within this, absolutely. */
const tolerance = 1e-6;
/** Files come from outside: larger ones are not vectors of single steps. */
const maxCases = 100_000;

/** What checking a file of vectors found. */
export interface VectorReport {
  readonly passed: number;
  readonly failed: number;
  readonly failures: readonly { readonly name: string; readonly message: string }[];
}

interface VectorCase {
  readonly name: string;
  readonly vocabulary: number;
  readonly documents: readonly (readonly number[])[];
  readonly logits: readonly (readonly number[])[];
  readonly context: readonly number[];
  readonly options: StepOptions & { readonly topK: number };
  readonly expected: {
    readonly order: number;
    readonly distribution: readonly (readonly [readonly number[], number])[];
    readonly trace?: readonly {
      readonly order: number;
      readonly mass?: number;
      readonly peak?: number;
      readonly peak_after?: number;
      readonly support?: number;
    }[];
  };
}

/** Runs every case; a case that cannot be read fails. Throws `invalid-file` when the file holds no list of cases. */
export function runVectors(json: unknown): VectorReport {
  const cases: unknown = (json as { cases?: unknown } | null)?.cases;
  if (!Array.isArray(cases) || cases.length > maxCases)
    throw new DynamoError("invalid-file", `expected { "cases": [up to ${maxCases}] }`);
  const failures: { name: string; message: string }[] = [];
  for (const [i, each] of cases.entries()) {
    const name = nameOf(each, i);
    const message = failureOf(each);
    if (message !== undefined) failures.push({ name, message });
  }
  return { passed: cases.length - failures.length, failed: failures.length, failures };
}

function nameOf(json: unknown, index: number): string {
  const name: unknown = (json as { name?: unknown } | null)?.name;
  return typeof name === "string" ? name : `case ${index}`;
}

function failureOf(json: unknown): string | undefined {
  try {
    return compare(asCase(json));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const isNumbers = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((element) => typeof element === "number");

function asCase(json: unknown): VectorCase {
  const each = json as Partial<VectorCase> | null;
  const lists = (value: unknown): boolean => Array.isArray(value) && value.every(isNumbers);
  if (
    typeof each !== "object" ||
    each === null ||
    !Number.isInteger(each.vocabulary) ||
    !lists(each.documents) ||
    !lists(each.logits) ||
    !isNumbers(each.context) ||
    typeof each.options !== "object" ||
    !Array.isArray(each.expected?.distribution)
  ) {
    throw new DynamoError("invalid-file", "expected vocabulary, documents, logits, context, options and expected");
  }
  return each as VectorCase;
}

function maskOf({ documents, vocabulary, logits }: VectorCase): CooccurrenceMask {
  const counter = createNgramCounter({
    order: Math.min(maxOrder, Math.max(1, logits.length)),
    vocabularySize: vocabulary,
  });
  for (const document of documents) {
    counter.add(document);
    counter.endDocument();
  }
  return counter.finish();
}

/** The `topK` likeliest, ties by lower id. */
function topOf(logits: readonly number[], topK: number): Candidates {
  const ids = logits.map((_, id) => id).sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b);
  const top = Int32Array.from(ids.slice(0, topK));
  return { ids: top, logits: Float32Array.from(top, (id) => logits[id] as number), logSumExp: 0 };
}

function compare(each: VectorCase): string | undefined {
  const { options, expected } = each;
  const decision = createDynamoStep()(
    each.logits.map((logits) => topOf(logits, options.topK)),
    each.context,
    maskOf(each),
    options,
  );
  if (decision.order !== expected.order) return `order: expected ${expected.order}, received ${decision.order}`;
  const total = sum(decision.joint);
  const received = new Map<string, number>();
  for (let i = 0; i < decision.joint.length; i++) {
    received.set(
      tupleOf(decision, decision.joint.cells[i] as number).join(),
      (decision.joint.values[i] as number) / total,
    );
  }
  const wanted = new Map(expected.distribution.map(([tuple, probability]) => [tuple.join(), probability]));
  for (const tuple of new Set([...received.keys(), ...wanted.keys()])) {
    const [got, want] = [received.get(tuple) ?? 0, wanted.get(tuple) ?? 0];
    if (!(Math.abs(got - want) <= tolerance)) return `p(${tuple}): expected ${want}, received ${got}`;
  }
  return compareTrace(decision.trace, expected.trace ?? []);
}

function compareTrace(
  received: readonly OrderTrace[],
  expected: NonNullable<VectorCase["expected"]["trace"]>,
): string | undefined {
  for (const want of expected) {
    const got = received.find(({ order }) => order === want.order);
    if (got === undefined) return `trace: order ${want.order} was not tried`;
    const pairs = [
      ["mass", got.mass, want.mass],
      ["peak", got.peak, want.peak],
      ["peak_after", got.peakAfter, want.peak_after],
      ["support", got.support, want.support],
    ] as const;
    for (const [name, value, wanted] of pairs) {
      const slack = tolerance * Math.max(1, Math.abs(wanted ?? 0));
      if (wanted !== undefined && !(Math.abs(value - wanted) <= slack))
        return `trace: ${name} at order ${want.order}: expected ${wanted}, received ${value}`;
    }
  }
  return undefined;
}
