/** The public functions in the hands of plain JavaScript: whatever they are given, only a DynamoError comes out. */
import { settledOrRefused, tableModel } from "@dynamo/core/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as evaluate from "./index.js";

const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withSet: true, withSparseArray: true, withTypedArray: true }); // prettier-ignore
const model = tableModel({ table: [Array.from({ length: 9 }, () => [1, 2, 3, 4, 5, 6, 7, 8, 9])] });
const worker = { model: () => Promise.resolve(model), scratch: "none", signal: new AbortController().signal };
const estimate = { value: 1, interval: null };
/** Paths that are not there, so that nothing is read or written. */
const value = fc.oneof(
  anything.filter((each) => typeof each !== "string" || each === ""),
  fc.constantFrom<unknown>(
    "/none/such",
    "/none\0such",
    "http://127.0.0.1:9/x.jsonl",
    ["/none/such"],
    [[1]],
    [],
    0,
    1,
    undefined,
  ),
  fc.constantFrom<unknown>(
    { model: "/none/such", source: { text: "/none/such" } },
    { model: "/none/such", settings: [] },
    worker,
  ),
  fc.constantFrom<unknown>(model, [{ context: "\u0001", continuation: "\u0002" }], { kind: "tasks", options: {} }, [
    ["win"],
  ]),
  fc.constantFrom<unknown>(
    [
      { speedup: 1, quality: 1 },
      { speedup: 2, quality: 3 },
    ],
    estimate,
    { perplexityRatio: estimate, varietyRatio: estimate },
  ),
  fc.constantFrom<unknown>(
    { strategy: "dynamo" },
    { nodes: [{}], inputs: [], initializers: [] },
    { newPositions: 1, past: 0, allHeads: true },
  ),
);

const functions = Object.entries<unknown>({ ...evaluate }).filter(
  (entry): entry is [string, (...given: unknown[]) => unknown] => typeof entry[1] === "function",
);

describe("whatever it is given", () => {
  test.each(functions)("%s throws its own error only", async (_, call) => {
    await fc.assert(
      fc.asyncProperty(fc.array(value, { maxLength: 3 }), async (given) => {
        await settledOrRefused(() => call(...given));
      }),
      { numRuns: 80 },
    );
  });

  test("its own kinds of settings, each with one that is wrong", async () => {
    const right = { model: "/none/such", texts: "/none/such", models: ["/none/such"], tasks: [{ task: "boolq", data: "/none/such" }], text: "/none/such", endpoint: "http://127.0.0.1:9", mode: "single", source: { text: "/none/such" }, settings: [{ strategy: "dynamo" }] }; // prettier-ignore
    const names = ["model", "texts", "models", "tasks", "text", "mode", "source", "settings", "seeds", "backoffs", "plugin", "prices", "writing", "drafts", "temperature", "limit", "questions"]; // prettier-ignore
    const { perplexity, completions, measures, judgeTexts, compare, ablation, architectures, tasks } = evaluate;
    const ofKind = Object.entries({
      ...{ perplexity: [perplexity, ["model", "source"]], completions: [completions, ["model", "settings"]] },
      ...{ measures: [measures, ["texts"]], judge: [judgeTexts, ["texts", "model", "endpoint", "mode"]] },
      ...{ compare: [compare, ["model"]], ablation: [ablation, ["model"]] },
      ...{ architectures: [architectures, ["models"]], tasks: [tasks, ["model", "tasks"]] },
    }) as [string, [(settings: unknown) => unknown, (keyof typeof right)[]]][];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), value, async (name, own) => {
        for (const [, [call, needed]] of ofKind) {
          const settings = Object.fromEntries(needed.map((each) => [each, right[each]]));
          await settledOrRefused(() => call({ ...settings, [name]: own }));
        }
      }),
      { numRuns: 150 },
    );
  });
});

test.each([
  [
    () => evaluate.compare({ model: "a", temprature: 1 } as never),
    /compare\(\) has no option temprature: did you mean temperature\?/,
  ],
  [
    () => evaluate.perplexity({ model: "a", text: "b" } as never),
    /perplexity\(\) has no option text: .*expected one of model, source, window/,
  ],
  [
    () => evaluate.perplexity({ model: "a", source: "b" } as never),
    /source must be \{ text \} or \{ tokens \}, a file's path, received "b"/,
  ],
  [
    () => evaluate.tasks({ model: "a", tasks: ["boolq"] } as never),
    /a task to run: options must be a plain object, received "boolq"/,
  ],
  [
    () => evaluate.completions({ model: "a", settings: [{ strategy: "magic" }] } as never),
    /settings must be a list of settings/,
  ],
  [() => evaluate.evaluationOf({ kind: "speed", options: {} } as never), /kind must be one of "perplexity", "tasks"/],
  [
    () => evaluate.scoreContinuations(Promise.resolve(model) as never, []),
    /model must be a loaded model .*received a Promise/,
  ],
  [
    () => evaluate.tune({ model: "a", text: "b", seeds: 0 }, worker as never),
    /seeds must be a whole number of at least 1, received 0/,
  ],
  [
    () =>
      evaluate.passFlops({ nodes: [{}], inputs: [], initializers: [] } as never, {
        newPositions: 1,
        past: 0,
        allHeads: true,
      }),
    /graph must be a graph, as readOnnxGraph\(\) resolves to/,
  ],
  [
    () =>
      evaluate.passFlops(
        {
          nodes: [{ name: "a", opType: "__proto__", domain: "", inputs: [], outputs: [], attributes: {} }],
          inputs: [],
          outputs: [],
          initializers: [],
        },
        { newPositions: 1, past: 0, allHeads: true },
      ),
    /a: the shapes of operator __proto__ are not known here/,
  ],
  [
    () => evaluate.passFlops({ nodes: new Array(1), inputs: [], initializers: [] } as never, {} as never),
    /graph must be a graph, as readOnnxGraph\(\) resolves to/,
  ],
  [
    () => evaluate.judgeTexts({ texts: "a", endpoint: "http://a", mode: "pairs", model: "m" } as never),
    /mode must be one of "pairwise", "single"/,
  ],
])("%#: refused by name", async (call, expected) => {
  const called = async (): Promise<void> => {
    await call();
  };
  await expect(called()).rejects.toThrow(expected);
});
