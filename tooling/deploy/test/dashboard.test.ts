/** Every metric and label that deploy/grafana-dashboard.json asks for is one that a real server tells. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readText } from "./files.js";
import { freePort } from "@dynamo/services";
import { startReplica, type Replica } from "./replica.js";
import { streamText } from "./streams.js";

interface Dashboard {
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
    readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
  }[];
}

const dashboard = JSON.parse(readText("deploy/grafana-dashboard.json")) as Dashboard;
const targets = dashboard.panels.flatMap(({ title, targets: own = [] }) => own.map((target) => ({ title, ...target })));

/** Prometheus adds it to every series that it scrapes. */
const scraped = "instance";

/** Label names by sample name, as in `dynamo_queue{model="stories"} 0`. */
function samplesOf(text: string): Map<string, Set<string>> {
  const samples = new Map<string, Set<string>>();
  for (const line of text.split("\n")) {
    const [, name, labels = ""] = /^([a-z0-9_:]+)(?:\{(.*)\})? /.exec(line) ?? [];
    if (name === undefined) continue;
    const known = samples.get(name) ?? new Set([scraped]);
    for (const [, label = ""] of labels.matchAll(/(\w+)="/g)) known.add(label);
    samples.set(name, known);
  }
  return samples;
}

/** Labels may begin as metrics do; a metric stands before its labels. */
const metricsIn = (query: string): string[] => query.match(/\b(?:dynamo|gen_ai|http|nodejs|process)_\w+(?=\{)/g) ?? [];
/** In matchers, groupings and legends. */
const labelsIn = (query: string): string[] => [
  ...[...query.matchAll(/(\w+)(?:=~|!~|!=|=)"/g)].map(([, label = ""]) => label),
  ...[...query.matchAll(/(?:by|ignoring) ?\(([^)]*)\)/g)].flatMap(([, list = ""]) => list.split(/, */)),
];

describe("grafana-dashboard.json", () => {
  let replica: Replica;
  let samples: Map<string, Set<string>>;

  beforeAll(async () => {
    replica = await startReplica(await freePort());
    const { done } = await streamText(`http://127.0.0.1:${replica.port}`, { seed: 1, tokens: 20 });
    expect(done).toBe(true);
    // A process tells its memory with its first sign of life.
    for (let text = ""; !text.includes("dynamo_inference_memory_bytes{"); samples = samplesOf(text))
      text = await replica.metrics();
  });
  afterAll(() => replica.stop());

  test.each(targets)("$title: $expr", ({ expr, legendFormat }) => {
    const names = metricsIn(expr);
    expect(names).not.toEqual([]);
    for (const name of names) expect([...samples.keys()]).toContain(name);
    const known = new Set(names.flatMap((name) => [...(samples.get(name) ?? [])]));
    const legend = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = ""]) => label);
    for (const label of [...labelsIn(expr), ...legend]) expect([...known]).toContain(label);
  });

  test("variables list labels that there are, and every variable of a query exists", () => {
    for (const { definition } of dashboard.templating.list) {
      if (definition === undefined) continue;
      const [, name = "", label = ""] = /^label_values\((\w+), (\w+)\)$/.exec(definition) ?? [];
      expect([...(samples.get(name) ?? [])]).toContain(label);
    }
    const variables = [...dashboard.templating.list.map(({ name }) => name), "__rate_interval"];
    for (const { expr } of targets) for (const [, name] of expr.matchAll(/\$(\w+)/g)) expect(variables).toContain(name);
  });

  test("shows everything that the server counts of its own", () => {
    const shown = new Set(targets.flatMap(({ expr }) => metricsIn(expr)).map(family));
    const own = [...samples.keys()].filter((name) => /^(?:dynamo|gen_ai|http)_/.test(name)).map(family);
    expect(own.filter((name) => !shown.has(name))).toEqual([]);
  });

  test("no panel lies on another, and each has a number of its own", () => {
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
  });
});

/** A histogram's samples are one metric. */
const family = (name: string): string => name.replace(/_(?:bucket|sum|count)$/, "");
