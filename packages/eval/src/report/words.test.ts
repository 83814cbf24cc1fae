import { expect, test } from "vitest";
import { estimateText, sameQualityCell, sameQualityText, settingText, wayText } from "./words.js";

const line = { slope: -1, intercept: 2, residual: 0.1, points: 4, range: [1, 2] as const };

test.each([
  [null, "not measured: it needs settings of two speed-ups or more", ""],
  [
    { speedup: null, interval: null, theoretical: false },
    "quality does not fall between the measured speed-ups, 1.00 to 2.00",
    "does not fall",
  ],
  [
    { speedup: -0.3, interval: null, theoretical: true },
    "none: quality is below the base's at every speed-up from 1.00 to 2.00",
    "none",
  ],
  [
    { speedup: 1.5, interval: [1.25, 1.75] as const, theoretical: false },
    "1.50 × (95 %: 1.25 to 1.75)",
    "1.50 (1.25 to 1.75)",
  ],
  [
    { speedup: 3, interval: null, theoretical: true },
    "3.00 × (its 95 % interval has no bounds), theoretical: outside what was measured",
    "3.00 *",
  ],
])("a crossing of %j", (found, sentence, cell) => {
  const whole = found && { ...found, line };
  expect([sameQualityText(whole), sameQualityCell(whole)]).toEqual([sentence, cell]);
});

test("settings, ways and estimates", () => {
  expect(settingText({ strategy: "dynamo", backoff: 0.5, maskStrength: 0, adaptive: false, blur: false })).toBe(
    "dynamo ε_b 0.5, mask 0, no Otsu, no blur",
  );
  expect(
    [null, { strategy: "speculative" as const }, { strategy: "speculative" as const, drafts: 1 }].map(wayText),
  ).toEqual(["autoregressive", "speculative, 4 drafts", "speculative, 1 draft"]);
  expect([
    estimateText(null),
    estimateText({ value: 1, interval: null }),
    estimateText({ value: 1, interval: [0.5, 2] }, 1),
  ]).toEqual(["", "1.00", "1.0 (0.5 to 2.0)"]);
});
