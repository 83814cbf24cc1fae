/** report.html as a browser's own parser reads it: nothing in it runs or loads, and every curve and text is there. */
import { parse, type DefaultTreeAdapterTypes } from "parse5";
import { expect, test } from "vitest";
import { tinyRun } from "../../__fixtures__/tiny.js";
import type { Metrics } from "./metrics.js";
import { reportHtml } from "./report.js";

type Node = DefaultTreeAdapterTypes.Node;
type Element = DefaultTreeAdapterTypes.Element;

const hostile = [
  "</script><script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "</pre></svg><svg onload=alert(1)>",
  `"'&lt;<!--`,
];

const nodesOf = (node: Node): Node[] => [node, ...("childNodes" in node ? node.childNodes.flatMap(nodesOf) : [])];
const isElement = (node: Node): node is Element => "tagName" in node;
const elementsOf = (html: string): Element[] => nodesOf(parse(html)).filter(isElement);
const textOf = (node: Node): string =>
  nodesOf(node)
    .map((each) => ("value" in each ? each.value : ""))
    .join("");

const config = tinyRun(hostile.join(""), {
  tokenHeads: 3,
  steps: 4,
  precision: "float16",
  samplePrompts: hostile,
});

const step = (at: number): Metrics => ({
  kind: "step",
  step: at,
  losses: [5 / at, 6 / at, 7 / at],
  gradientNorm: 1,
  lossScale: 65_536,
  skippedSteps: 0,
  learningRate: 1e-3,
  headLearningRate: 2e-3,
  tokens: 32 * at,
  seconds: at,
  dataSeconds: 0,
});
const evaluation = (at: number): Metrics => ({
  kind: "evaluation",
  step: at,
  losses: [1, 2, 3],
  perplexities: [11.25, 22.5, 33.75],
  jointPerplexities: [11.25, 15, 20],
});
const samples = hostile.map((text): Metrics => ({ kind: "sample", step: 4, prompt: text, text }));
const html = reportHtml([...[1, 2, 3, 4].map(step), evaluation(2), evaluation(4), ...samples], config);

test("holds nothing that runs or is loaded, whatever prompts, samples and configuration say", () => {
  for (const { tagName, attrs } of elementsOf(html)) {
    expect(tagName).not.toMatch(/^(script|img|iframe|object|embed|link|image|use|foreignobject|a|form)$/i);
    for (const { name, prefix, value } of attrs) {
      expect(name).not.toMatch(/^(on.*|src|href|action)$/i);
      if (prefix !== "xmlns" && name !== "xmlns")
        expect(value).not.toMatch(/javascript:|https?:|data:|url\(\s*['"]?[^#'"]/i);
    }
  }
});

test("shows those texts as they are", () => {
  const elements = elementsOf(html);
  const paragraphs = elements.filter(({ tagName }) => tagName === "p").map(textOf);
  for (const text of hostile) expect(paragraphs).toContain(`step 4${text}${text}`);
  const [configuration] = elements.filter(({ tagName }) => tagName === "pre");
  expect(JSON.parse(configuration === undefined ? "" : textOf(configuration))).toEqual(config);
});

test("has a chart for each measure, with a curve for each head", () => {
  const charts = elementsOf(html).filter(({ tagName }) => tagName === "svg");
  const labels = charts.map((chart) =>
    nodesOf(chart)
      .filter((node) => isElement(node) && node.tagName === "text")
      .map(textOf),
  );
  for (const [i, [title, names]] of (
    [
      ["Training loss (nats), mean of 20 steps", ["head 1", "head 2", "head 3"]],
      ["Held-out perplexity", ["PPL 1", "PPL 2", "PPL 3"]],
      ["Gradient norm", []],
      ["Loss scale", []],
      ["Learning rate", ["base", "heads"]],
    ] as const
  ).entries())
    expect(labels[i]).toEqual(expect.arrayContaining([title, ...names]));
  const curves = charts.map(
    (chart) =>
      nodesOf(chart).filter((node) => isElement(node) && node.attrs.some(({ name, value }) => isCurve(name, value)))
        .length,
  );
  expect(curves).toEqual([3, 3, 1, 1, 2]);
  expect(elementsOf(html).map(textOf)[0]).toContain("Held-out: PPL1 11.25, PPL2 22.50, PPL3 33.75");
});

/** Axes and grids have no joins. */
const isCurve = (name: string, value: string): boolean => name === "stroke-linejoin" && value === "bevel";
