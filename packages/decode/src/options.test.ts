import { expect, test } from "vitest";
import { resolve } from "./options.js";

test("greedy text is the likeliest token each time, unless a penalty is asked for", () => {
  expect(resolve({ temperature: 0 }, {}).repetitionPenalty).toBe(1);
  expect(resolve({}, { temperature: 0 }).repetitionPenalty).toBe(1);
  expect(resolve({ temperature: 0 }, { repetitionPenalty: 1.2 }).repetitionPenalty).toBe(1.2);
  expect(resolve({ temperature: 0, repetitionPenalty: 1.3 }, {}).repetitionPenalty).toBe(1.3);
  expect(resolve({}, {}).repetitionPenalty).toBe(1.1);
});
