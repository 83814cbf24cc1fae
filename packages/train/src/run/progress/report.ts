/** report.html of a run: its curves as vector graphics in one file that needs no network. */
import { join } from "node:path";
import { checkValue } from "@dynamo/core/options";
import { writeFileAtomically } from "@dynamo/model/convert";
import { LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, TitleComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { folderCheck } from "../../arguments.js";
import {
  metricsCheck,
  readMetrics,
  type EvaluationMetrics,
  type Metrics,
  type SampleMetrics,
  type StepMetrics,
} from "./metrics.js";
import { checkConfig, type TrainingConfig } from "../start/training-config.js";

use([LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** A curve has at most so many points: more than a screen has pixels only makes the file larger. */
const maxPoints = 1000;

/** Writes the page beside the metrics; open pages show it anew every half minute while the run goes on. */
export async function writeReport(run: string, config: TrainingConfig): Promise<string> {
  checkValue("run", run, folderCheck);
  checkConfig(config);
  const path = join(run, "report.html");
  await writeFileAtomically(path, reportHtml(await readMetrics(run), config));
  return path;
}

/** The page for these metrics. */
export function reportHtml(metrics: readonly Metrics[], config: TrainingConfig): string {
  checkValue("metrics", metrics, metricsCheck);
  checkConfig(config);
  const steps = metrics.filter((entry): entry is StepMetrics => entry.kind === "step");
  const evaluations = metrics.filter((entry): entry is EvaluationMetrics => entry.kind === "evaluation");
  const samples = metrics.filter((entry): entry is SampleMetrics => entry.kind === "sample");
  const heads = Array.from({ length: config.tokenHeads }, (_, i) => i);
  const finished = (steps.at(-1)?.step ?? 0) >= config.steps;
  const charts = [
    chart(
      "Training loss (nats), mean of 20 steps",
      heads.slice((steps[0]?.firstHead ?? 1) - 1).map((head) => lossSeries(steps, head)),
    ),
    chart(
      "Held-out perplexity",
      heads.map((head) => ({
        name: `PPL ${head + 1}`,
        points: evaluations.map(({ step, perplexities }) => [step, perplexities[head] as number] as const),
      })),
      { logarithmic: true },
    ),
    chart("Gradient norm", [{ name: "norm", points: pointsOf(steps, ({ gradientNorm }) => gradientNorm) }]),
    ...(config.precision === "float16"
      ? [
          chart("Loss scale", [{ name: "scale", points: pointsOf(steps, ({ lossScale }) => lossScale) }], {
            logarithmic: true,
          }),
        ]
      : []),
    chart("Learning rate", [
      { name: "base", points: steps.map(({ step, learningRate }) => [step, learningRate] as const) },
      ...(config.tokenHeads > 1
        ? [{ name: "heads", points: steps.map(({ step, headLearningRate }) => [step, headLearningRate] as const) }]
        : []),
    ]),
  ];
  return page({
    charts,
    samples: samples.slice(-12),
    config,
    evaluation: evaluations.at(-1),
    last: steps.at(-1),
    finished,
  });
}

/** Of the steps that have the value. */
const pointsOf = (steps: readonly StepMetrics[], of: (metrics: StepMetrics) => number | undefined): Series["points"] =>
  steps.flatMap((metrics) => {
    const value = of(metrics);
    return value === undefined ? [] : [[metrics.step, value] as const];
  });

/** Means of neighbouring steps: single batches scatter more than the curve falls. */
function lossSeries(steps: readonly StepMetrics[], head: number): Series {
  const window = 20;
  const points = steps.map(({ step }, i) => {
    const near = steps.slice(Math.max(0, i - window + 1), i + 1);
    return [
      step,
      near.reduce((sum, { losses, firstHead = 1 }) => sum + (losses[head + 1 - firstHead] as number), 0) / near.length,
    ] as const;
  });
  return { name: `head ${head + 1}`, points };
}

function thinned(points: Series["points"]): Series["points"] {
  const stride = Math.ceil(points.length / maxPoints);
  return points.filter((_, i) => i % stride === 0 || i === points.length - 1);
}

function chart(title: string, series: readonly Series[], { logarithmic = false } = {}): string {
  const drawn = init(null, null, { renderer: "svg", ssr: true, width: 760, height: 320 });
  drawn.setOption({
    animation: false,
    title: { text: title, textStyle: { fontSize: 14 } },
    legend: { right: 0, show: series.length > 1 },
    grid: { left: 64, right: 24, top: 40, bottom: 36 },
    xAxis: { type: "value", name: "step", nameLocation: "middle", nameGap: 22, min: 0 },
    yAxis: { type: logarithmic ? "log" : "value", scale: true },
    series: series.map(({ name, points }) => ({
      type: "line",
      name,
      showSymbol: points.length < 30,
      data: thinned(points).map(([x, y]) => [x, y]),
    })),
  });
  const svg = drawn.renderToSVGString();
  drawn.dispose();
  return svg;
}

interface Page {
  readonly charts: readonly string[];
  readonly samples: readonly SampleMetrics[];
  readonly config: TrainingConfig;
  readonly evaluation: EvaluationMetrics | undefined;
  readonly last: StepMetrics | undefined;
  readonly finished: boolean;
}

function page({ charts, samples, config, evaluation, last, finished }: Page): string {
  const state = `step ${last?.step ?? 0} of ${config.steps}, ${((last?.tokens ?? 0) / 1e6).toFixed(1)} M tokens`;
  const held = evaluation?.perplexities.map((value, i) => `PPL<sub>${i + 1}</sub> ${value.toFixed(2)}`).join(", ");
  const texts = samples.map(
    ({ step, prompt, text }) => `<p><small>step ${step}</small><br><b>${escapeHtml(prompt)}</b>${escapeHtml(text)}</p>`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${finished ? "" : '<meta http-equiv="refresh" content="30">'}
<title>Training: ${state}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1560px; margin: 1.5rem auto; padding: 0 1rem; }
.charts { display: flex; flex-wrap: wrap; gap: 1rem; }
.charts svg { max-width: 100%; height: auto; }
pre { background: #f4f4f4; padding: 1rem; overflow-x: auto; }
</style>
<h1>Training</h1>
<p>${state}${finished ? ", finished" : ""}${held === undefined ? "" : `. Held-out: ${held}`}</p>
<div class="charts">
${charts.join("\n")}
</div>
${texts.length > 0 ? `<h2>Samples</h2>\n${texts.join("\n")}` : ""}
<h2>Configuration</h2>
<pre>${escapeHtml(JSON.stringify(config, undefined, 2))}</pre>
</html>
`;
}

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (character) => escapes[character] as string);
