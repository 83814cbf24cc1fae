import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  devices,
  dtypes,
  joints,
  formatSettings,
  initialSettings,
  parseSettings,
  promptFitsLink,
  ranges,
  strategies,
  views,
  type Settings,
} from "./settings.js";

const within = ([min, max]: readonly [number, number]): fc.Arbitrary<number> =>
  // A link has one zero.
  fc.double({ min, max, noNaN: true }).map((value) => (value === 0 ? 0 : value));
const whole = ([min, max]: readonly [number, number]): fc.Arbitrary<number> => fc.integer({ min, max });
const optional = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.option(value, { nil: undefined });
const positiveShare = fc.double({ min: 0, minExcluded: true, max: 1, noNaN: true });
const settings: fc.Arbitrary<Settings> = fc.record({
  view: fc.constantFrom(...views),
  prompt: fc.string({ unit: "grapheme", maxLength: 200 }),
  model: fc.oneof(fc.constant("stories-t4"), fc.webUrl({ withQueryParameters: true })),
  serverModel: fc.string({ unit: "grapheme", maxLength: 20 }),
  device: fc.constantFrom(...devices),
  dtype: fc.constantFrom(...dtypes),
  strategy: fc.constantFrom(...strategies),
  joint: fc.constantFrom(...joints),
  backoff: within(ranges.backoff),
  maskStrength: within(ranges.maskStrength),
  adaptive: fc.boolean(),
  blur: fc.boolean(),
  temperature: within(ranges.temperature),
  topK: whole(ranges.topK),
  penalty: within(ranges.penalty),
  topP: optional(positiveShare),
  minP: optional(within([0, 1])),
  typicalP: optional(positiveShare),
  presencePenalty: optional(within([-2, 2])),
  frequencyPenalty: optional(within([-2, 2])),
  logitBias: optional(fc.dictionary(fc.nat(50_000).map(String), within([-100, 100]), { minKeys: 1, maxKeys: 20 })),
  seed: whole(ranges.seed),
  length: whole(ranges.length),
  run: fc.boolean(),
  pass: whole(ranges.pass),
  order: whole(ranges.order),
  thirdRank: whole(ranges.thirdRank),
});

describe("the page's state as a link", () => {
  it("comes back as it was", () => {
    fc.assert(
      fc.property(settings, (each) => {
        expect(parseSettings(formatSettings(each))).toEqual(each);
      }),
    );
  });

  it("is short: defaults are left out", () => {
    expect(formatSettings(initialSettings)).toBe("");
    expect(formatSettings({ ...initialSettings, backoff: 0.25 })).toBe("backoff=0.25");
  });

  it("leaves out a prompt that would make an address longer than servers take", () => {
    const long = { ...initialSettings, seed: 5, run: true, prompt: "word ".repeat(2000) };
    expect(promptFitsLink(long)).toBe(false);
    expect(parseSettings(formatSettings(long))).toEqual({ ...initialSettings, seed: 5 });
    expect(promptFitsLink({ ...long, prompt: "word ".repeat(1000) })).toBe(true);
  });

  it("leaves out a bias that is too long, whatever the prompt is", () => {
    const logitBias = Object.fromEntries(Array.from({ length: 2000 }, (_, id) => [id, -1]));
    expect(parseSettings(formatSettings({ ...initialSettings, seed: 5, logitBias }))).toEqual({
      ...initialSettings,
      seed: 5,
    });
  });

  it("has the library's limits, and tells 0 from nothing", () => {
    expect(parseSettings("topP=0&typicalP=1.1&minP=-1&presencePenalty=Infinity&logitBias=[1]")).toEqual(
      initialSettings,
    );
    expect(parseSettings('logitBias={"5":"x"}').logitBias).toBeUndefined();
    expect(parseSettings("logitBias={}").logitBias).toBeUndefined();
    expect(parseSettings('topP=1&minP=0&presencePenalty=-3&logitBias={"5":-100}')).toMatchObject({
      ...{ topP: 1, minP: 0, presencePenalty: -3, logitBias: { 5: -100 } },
    });
  });

  it("takes any query, and what is no value of a field stays at its default", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (query) => {
        expect(parseSettings(formatSettings(parseSettings(query)))).toEqual(parseSettings(query));
      }),
    );
    const bad = "?backoff=2&topK=1.5&seed=-1&view=nowhere&adaptive=yes&temperature=&order=NaN&length=1e9";
    expect(parseSettings(bad)).toEqual(initialSettings);
  });
});
