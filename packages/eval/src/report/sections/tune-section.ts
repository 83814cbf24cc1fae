/** What tuning tried, and what it found. */
import { lossOf } from "../../tune/choose.js";
import { plot } from "../chart.js";
import { figure, html, section, table, type Html } from "../html.js";
import type { ResultOf } from "../result-file.js";
import { percentText, trialCells } from "../words.js";

type Trial = ResultOf<"tune">["summary"]["trials"][number];

export function tuneSection({ summary }: ResultOf<"tune">): Html {
  const { trials, chosen, tolerance } = summary;
  const found =
    chosen === null
      ? `No setting is faster than one token per pass and loses at most ${percentText(tolerance)}.`
      : `Chosen: ε_b ${chosen.setting.backoff}, mask ${chosen.setting.maskStrength}, top-k ${chosen.setting.topK}.`;
  const pointsOf = (
    prompts: Trial["prompts"],
  ): { x: number; y: number; across: Trial["speedup"]["interval"]; label: string }[] =>
    trials
      .filter((trial) => trial.prompts === prompts)
      .map((trial) => ({
        ...{ x: trial.speedup.value, y: lossOf(trial), across: trial.speedup.interval },
        label: String(trial.setting.backoff),
      }));
  const svg = plot({
    title: "Loss against speed-up",
    x: { name: "measured speed-up" },
    y: { name: "loss, a share" },
    series: [
      { name: "search", points: pointsOf("search"), draw: "points" },
      { name: "held-out prompts", points: pointsOf("held-out"), draw: "points" },
    ],
    levels: [{ name: "tolerance", at: tolerance }],
  });
  return section("Tuning", [
    html`<p>
      ${found} The loss is the larger of two shares: how much likelier the base's texts are, and how much more varied
      (distinct-2). Texts begin as held-out documents do.
    </p>`,
    figure(svg, "Labels: ε_b. To the right is faster, down is better."),
    table(trials.map(trialCells)),
  ]);
}
