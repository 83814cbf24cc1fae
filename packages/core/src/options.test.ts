import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DynamoError } from "./errors.js";
import {
  abortSignal,
  checkOptions,
  checkValue,
  describeValue,
  either,
  flag,
  languageModel,
  listOf,
  members,
  nearestName,
  numberAbove,
  numberIn,
  oneOf,
  required,
  someText,
  strategy,
  whole,
  type OptionChecks,
} from "./options.js";
import { tableModel } from "./testing.js";

interface Baking {
  readonly minutes: number;
  readonly heatFrom?: "above" | "below" | undefined;
  readonly share?: number;
  readonly toppings?: { readonly names?: readonly string[]; readonly extra?: boolean };
}

const checks: OptionChecks<Baking> = {
  minutes: required(whole(1, 90)),
  heatFrom: oneOf("above", "below"),
  share: numberAbove(0, 1),
  toppings: members<NonNullable<Baking["toppings"]>>({
    names: listOf(someText, "a list of names"),
    extra: flag,
  }),
};
const misplaced = { color: "belongs to paint()" };

const refusal = (options: unknown): string => {
  try {
    checkOptions("bake()", options, checks, misplaced);
  } catch (error) {
    if (DynamoError.is(error) && error.code === "invalid-argument") return error.message;
    throw error;
  }
  return "taken";
};

describe("checkOptions", () => {
  it("takes known options of their kind, and undefined as not given", () => {
    expect(refusal({ minutes: 9 })).toBe("taken");
    expect(refusal({ minutes: 90, heatFrom: undefined, share: 1, toppings: { names: ["a"] } })).toBe("taken");
    expect(refusal(Object.assign(Object.create(null), { minutes: 1, unknown: undefined }))).toBe("taken");
  });

  it.each([
    [
      { minutes: 9, Heat_from: "above" },
      "bake() has no option Heat_from: did you mean heatFrom? expected one of minutes, heatFrom, share, toppings",
    ],
    [
      { minutes: 9, minute: 1 },
      "bake() has no option minute: did you mean minutes? expected one of minutes, heatFrom, share, toppings",
    ],
    [{ minutes: 9, toString: 1 }, "bake() has no option toString: expected one of minutes, heatFrom, share, toppings"],
    [
      { minutes: 9, color: 1 },
      "bake() has no option color: it belongs to paint(); expected one of minutes, heatFrom, share, toppings",
    ],
    [{ minutes: 9, "a b": 1 }, 'bake() has no option "a b": expected one of minutes, heatFrom, share, toppings'],
    [
      { minutes: 9, toppings: { nmes: [] } },
      "bake() has no option toppings.nmes: did you mean toppings.names? expected one of toppings.names, toppings.extra",
    ],
    [{}, "minutes must be a whole number from 1 to 90, received undefined"],
    [{ minutes: "9" }, 'minutes must be a whole number from 1 to 90, received "9"'],
    [{ minutes: 9, share: 0 }, "share must be a number above 0, at most 1, received 0"],
    [{ minutes: 9, heatFrom: null }, 'heatFrom must be one of "above", "below", received null'],
    [{ minutes: 9, toppings: "." }, 'toppings must be an object { names, extra }, received "."'],
    [{ minutes: 9, toppings: { names: ["a", ""] } }, 'toppings.names must be a list of names, received ["a", ""]'],
    [
      { minutes: 9, toppings: { names: Object.assign(new Array<string>(3), { 0: "a", 2: "b" }) } },
      'toppings.names must be a list of names, received ["a", undefined, "b"]',
    ],
    [null, "bake(): options must be a plain object, received null"],
    [[], "bake(): options must be a plain object, received []"],
    [new Map([["minutes", 9]]), "bake(): options must be a plain object, received a Map"],
    [Promise.resolve({ minutes: 9 }), "bake(): options must be a plain object, received a Promise (await it first)"],
  ])("case %#", (options, message) => {
    expect(refusal(options)).toBe(message);
  });

  it("throws its own error only, whatever it is given, in a message of one screen", () => {
    const anything = fc.anything({ withBigInt: true, withMap: true, withSet: true, withTypedArray: true, withDate: true, withNullPrototype: true, withSparseArray: true }); // prettier-ignore
    fc.assert(
      fc.property(
        fc.oneof(anything, fc.record({ minutes: anything, toppings: anything, heatFrom: anything })),
        (given) => {
          expect(refusal(given).length).toBeLessThan(600);
        },
      ),
    );
  });
});

describe("describeValue", () => {
  it.each([
    [undefined, "undefined"],
    [-0, "-0"],
    [12n, "12n"],
    [Symbol("a"), "a symbol"],
    ["x".repeat(99), `"${"x".repeat(60)}… (99 characters)"`],
    [describeValue, "the function describeValue"],
    [
      (
        () => () =>
          1
      )(),
      "a function",
    ],
    [new Int32Array(5), "an Int32Array of 5"],
    [new Date(0), "a Date"],
    [[{ role: "user", content: "hi" }], "[{ role, content }]"],
    [[[1, 2], 2, 3, 4], "[[… 2], 2, 3, … 4 in all]"],
    [{ a: 1, b: 2, c: 3, d: 4, e: 5, f: 6 }, "{ a, b, c, d, e, … }"],
    [{}, "{}"],
    [{ then: (): void => undefined }, "a Promise (await it first)"],
    [Proxy.revocable({}, {}), "{ proxy, revoke }"],
  ])("case %#", (value, expected) => {
    expect(describeValue(value)).toBe(expected);
  });

  it("is no error for what cannot be looked at", () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(describeValue(proxy)).toBe("a value that cannot be read");
    expect(() => checkValue("it", proxy, whole(1))).toThrow("received a value that cannot be read");
  });
});

describe("nearestName", () => {
  const known = ["maxNewTokens", "stop", "seed", "topK", "topP"];
  it.each([
    ["maxTokens", "maxNewTokens"],
    ["max_new_tokens", "maxNewTokens"],
    ["MAXNEWTOKENS", "maxNewTokens"],
    ["stops", "stop"],
    ["sed", "seed"],
    ["top_p", "topP"],
    ["colour", undefined],
    ["x".repeat(1e6), undefined],
  ])("%.20s is near %s", (name, expected) => {
    expect(nearestName(name, known)).toBe(expected);
  });
});

describe("value checks", () => {
  it("know a model and a strategy from what is neither", () => {
    const model = tableModel({ table: [[[1]]] });
    expect(languageModel.accepts(model)).toBe(true);
    for (const wrong of [undefined, Promise.resolve(model), { ...model, info: undefined }, { ...model, forward: 1 }])
      expect(languageModel.accepts(wrong)).toBe(false);
    expect(strategy.accepts({ name: "a", step: () => ({ tokens: [1] }) })).toBe(true);
    for (const wrong of ["dynamo", () => undefined, { name: "a" }, { step: () => 1 }, null])
      expect(strategy.accepts(wrong)).toBe(false);
  });

  it("know a signal, ranges, and one or the other", () => {
    expect([new AbortController().signal, new AbortController(), {}].map(abortSignal.accepts)).toEqual([
      true,
      false,
      false,
    ]);
    expect([0, 1, 0.5, NaN, "1", -0.1].map(numberIn(0, 1).accepts)).toEqual([true, true, true, false, false, false]);
    const count = either(flag, whole(0));
    expect(count.expected).toBe("true or false, or a whole number of at least 0");
    expect([true, 3, 1.5, null].map(count.accepts)).toEqual([true, true, false, false]);
  });
});
