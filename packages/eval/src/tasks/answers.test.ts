/** Exact match and F1 by hand. */
import { expect, test } from "vitest";
import { exactMatch, normalizeAnswer, squadMetrics, wordF1 } from "./answers.js";
import { squadThreshold } from "./squad-threshold.js";

test("exact match: neither case nor punctuation count, words and inner spaces do", () => {
  expect(exactMatch(" The U.S.A.\n", ["the usa"])).toBe(1);
  expect(exactMatch("USA", ["the usa"])).toBe(0);
  expect(exactMatch("new  york", ["New York"])).toBe(0);
  expect(exactMatch("Horſe", ["onion", "horſe"])).toBe(1);
  expect(exactMatch("", ["a"])).toBe(0);
});

test("SQuAD's normalisation takes out case, punctuation, articles and spaces", () => {
  expect(normalizeAnswer("  The  cat's\tan  A-Team, the end ")).toBe("cats ateam end");
  // Articles inside of words stay, also beside letters that are not ASCII.
  expect(normalizeAnswer("Theatre panam\u00e1n \u00e9a the")).toBe("theatre panam\u00e1n \u00e9a");
});

test("F1 counts words as often as they are there", () => {
  // {big, cat, cat} and {cat, dog}: one word is the same; precision 1/3, recall 1/2
  expect(wordF1("the big cat cat", "cat dog")).toBeCloseTo((2 * (1 / 3) * (1 / 2)) / (1 / 3 + 1 / 2), 12);
  expect(wordF1("cat cat", "a cat cat")).toBe(1);
  expect(wordF1("bird", "cat")).toBe(0);
  expect([wordF1("the", ""), wordF1("", "cat"), wordF1("cat", "an")]).toEqual([1, 0, 0]);
});

test("SQuAD takes the best of the right answers, apart by whether there is one", () => {
  expect(squadMetrics("in 1979.", ["1979", "in the 1979", "the"])).toEqual({
    ...{ exact: 1, f1: 1, HasAns_exact: 1, HasAns_f1: 1 },
  });
  expect(squadMetrics("oil crisis", ["the second oil crisis"])).toMatchObject({ exact: 0, HasAns_f1: 0.8 });
  expect(squadMetrics("", [])).toEqual({ exact: 1, f1: 1, NoAns_exact: 1, NoAns_f1: 1 });
  expect(squadMetrics("1979", [])).toEqual({ exact: 0, f1: 0, NoAns_exact: 0, NoAns_f1: 0 });
});

test("the best threshold takes back answers that the model is unsure of", () => {
  const document = { exact: 0, f1: 0, hasAnswer: false, isEmpty: false };
  const documents = [
    { ...document, noAnswer: 0.9 },
    { ...document, noAnswer: 0.1, hasAnswer: true, exact: 1, f1: 1 },
    { ...document, noAnswer: 0.4, hasAnswer: true, f1: 0.5 },
    { ...document, noAnswer: 0.3 },
  ];
  // From 2 (all taken back): + 1 at 0.1; - 1 at 0.3; + 0 or + 0.5 at 0.4; - 1 at 0.9
  expect(squadThreshold(documents)).toEqual({ best_exact: 3 / 4, best_f1: 3 / 4 });
  // Nothing was written at 0.3: it is right either way.
  const [first, second, third, fourth] = documents;
  const silent = [first, second, third, { ...fourth, isEmpty: true }] as typeof documents;
  expect(squadThreshold(silent)).toEqual({ best_exact: 3 / 4, best_f1: 3.5 / 4 });
});
