/** What tuning tried, and what it found. */
import { trialCells, tunedText } from "../../tune/tuned-text.js";
import { plot, type PlotPoint } from "../chart.js";
import { figure, html, section, table, type Html } from "../html.js";
import type { ResultOf } from "../result-file.js";
import { gapMeaning } from "../words.js";

type Summary = ResultOf<"tune">["summary"];
type Trial = Summary["trials"][number];

export function tuneSection({ summary }: ResultOf<"tune">): Html {
  const { trials, tolerance } = summary;
  return section("Tuning", [
    html`<p>
      ${tunedText(summary)} The fastest setting with a frontier gap of at most ${tolerance} nats was sought, in turns
      with one token per pass. ${gapMeaning}
    </p>`,
    figure(gapPlot(summary), "Labels: joint and ε_b. To the right is faster, down is better; bars: 95 %."),
    table(trials.map((trial) => trialCells(trial, tolerance))),
  ]);
}

function gapPlot({ trials, tolerance }: Summary): Html {
  const of = (prompts: Trial["prompts"]): PlotPoint[] =>
    trials.filter((trial) => trial.prompts === prompts).flatMap(pointOf);
  return plot({
    title: "Frontier gap against speed-up",
    x: { name: "measured speed-up" },
    y: { name: "frontier gap, nats" },
    series: [
      { name: "search", points: of("search").map(bare), draw: "points" },
      { name: "held-out prompts", points: of("held-out"), draw: "points" },
    ],
    levels: [{ name: "tolerance", at: tolerance }],
    places: [{ name: "the base", at: 1 }],
  });
}

function pointOf({ setting, speedup, gap }: Trial): PlotPoint[] {
  if (gap === null) return [];
  const label = [setting.joint ?? setting.strategy, setting.backoff].join(" ").trim();
  return [{ x: speedup.value, y: gap.nats.value, interval: gap.nats.interval, across: speedup.interval, label }];
}

/** Bars and labels of a hundred settings could not be read. */
const bare = ({ x, y }: PlotPoint): PlotPoint => ({ x, y });
