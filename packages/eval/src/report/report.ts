/** One HTML file of all results: figures as vectors, tables, what it was measured on, and the commands that measure it again. */
import { checkOptions, checkValue, listOf, text, type OptionChecks } from "@dynamo/core/options";
import { html, section, table, type Html } from "./html.js";
import { resultFileCheck, type ResultFile } from "./result-file.js";
import { sectionOf } from "./sections.js";

/** Options of a report. */
export interface ReportOptions {
  readonly title?: string;
}

const checks: OptionChecks<ReportOptions> = { title: text };

/** In this order, whatever the files' order: from what a model knows to what it costs. */
const order: readonly ResultFile["kind"][] = [
  "perplexity",
  "tasks",
  "completions",
  "measures",
  "judge",
  "tune",
  "compare",
  "ablation",
  "architectures",
];

/** The page needs no network and runs no script. */
export function reportPage(results: readonly ResultFile[], options: ReportOptions = {}): string {
  checkValue("results", results, listOf(resultFileCheck, "a list of result files, as readResultFile() resolves to"));
  checkOptions("reportPage()", options, checks);
  const { title = "Evaluation" } = options;
  const sorted = results
    .map((result, i) => ({ result, i }))
    .sort((a, b) => order.indexOf(a.result.kind) - order.indexOf(b.result.kind) || a.i - b.i)
    .map(({ result }) => result);
  const sections = [...sorted.map((result) => sectionOf(result, sorted)), provenance(sorted)];
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <title>${title}</title>
        <style>
          ${{ html: style }}
        </style>
      </head>
      <body>
        <h1>${title}</h1>
        ${sections}
      </body>
    </html> `.html;
}

function provenance(results: readonly ResultFile[]): Html {
  const rows = results.map(({ kind, name, run, settings }) => ({
    results: name,
    kind,
    machine:
      run === undefined
        ? ""
        : `${run.machine.cpu}, ${run.machine.cores} cores, ${run.machine.memoryGiB} GiB, ${run.machine.os}; load ${run.machine.load.toFixed(1)}`,
    versions: Object.entries(run?.versions ?? {})
      .map(([which, version]) => `${which} ${version}`)
      .join(", "),
    date: run?.date.slice(0, 16).replace("T", " ") ?? "",
    took: run === undefined ? "" : `${Math.round(run.seconds)} s`,
    settings: html`<details>
      <summary>show</summary>
      <pre>${JSON.stringify(settings, undefined, 1)}</pre>
    </details>`,
  }));
  const commands = results.flatMap(({ run }) => (run === undefined ? [] : [run.command]));
  return section("Measured on, and how to do it again", [
    table(rows),
    ...(commands.length === 0 ? [] : [html`<pre>${commands.join("\n")}</pre>`]),
  ]);
}

const style = `
:root { color-scheme: light; }
body { font: 16px/1.55 system-ui, sans-serif; color: #222; max-width: 1160px; margin: 2rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.9rem; } h2 { margin-top: 3rem; border-bottom: 1px solid #ddd; padding-bottom: .3rem; }
figure { display: inline-block; margin: 1rem 1.5rem 1rem 0; max-width: 540px; vertical-align: top; }
figure svg { max-width: 100%; height: auto; }
figcaption { color: #555; font-size: .9rem; }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .86rem; }
caption { text-align: left; font-weight: 600; padding: .4rem 0; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid #e5e5e5; text-align: left; vertical-align: top; }
th { border-bottom: 2px solid #bbb; } .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
pre { background: #f5f5f5; padding: .75rem 1rem; overflow-x: auto; font-size: .85rem; }
summary { cursor: pointer; color: #0072b2; }
`;
