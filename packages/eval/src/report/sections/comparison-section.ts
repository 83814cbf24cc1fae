/** Strategies side by side (the paper's Table 4), and what each part of DynaMo's is worth (its Table 9 and Figure 12). */
import { plot, type PlotPoint } from "../chart.js";
import { figure, html, section, table, type Cell, type Html } from "../html.js";
import type { ResultOf } from "../result-file.js";
import { estimateText, percentText, wayText } from "../words.js";

type Group = ResultOf<"compare">["summary"]["groups"][number];
type Row = Group["rows"][number];

export function compareSection({ summary }: ResultOf<"compare">): Html {
  return section("Strategies side by side", [
    html`<p>
      FLOPs are counted in the graphs for the passes that were made, a draft model's included; speed-ups are measured,
      in turns with the base. “To the base's” is the difference in nats per token: below 0 the texts are less likely.
    </p>`,
    ...summary.groups.flatMap((group) => [table(group.rows.map(cellsOf), groupText(group)), overview(group)]),
  ]);
}

const groupText = ({ model, draft }: Group): string => (draft === null ? model : `${model}, drafts by ${draft}`);

export function cellsOf({ way, ...row }: Row): Record<string, Cell> {
  return {
    strategy: wayText(way),
    "speed-up (95 %)": estimateText(row.speedup),
    "tokens per pass": row.tokensPerPass.toFixed(2),
    "more FLOPs per token": percentText(row.flopsOverhead),
    "nats per token (95 %)": estimateText(row.logLikelihood),
    "to the base's (95 %)": estimateText(row.difference),
    "passes by order": row.orders.join(" / "),
  };
}

const pointOf = ({ way, speedup, difference }: Row, label?: string): PlotPoint[] =>
  speedup === null || difference === null
    ? []
    : [
        {
          ...{ x: speedup.value, y: difference.value, across: speedup.interval, interval: difference.interval },
          ...(label === undefined || way === null ? {} : { label }),
        },
      ];

function overview({ rows }: Group): Html {
  const svg = plot({
    title: "Each strategy: measured speed-up and likelihood",
    x: { name: "speed-up" },
    y: { name: "nats per token, to the base's" },
    series: rows
      .filter(({ way }) => way !== null)
      .map((row) => ({ name: wayText(row.way), points: pointOf(row), draw: "points" as const })),
    levels: [{ name: "the base", at: 0 }],
    places: [{ name: "the base", at: 1 }],
  });
  return figure(svg, "To the right is faster; up is likelier, which repetition is too. Bars: 95 %.");
}

export function ablationSection({ summary }: ResultOf<"ablation">): Html {
  const families = new Map<string, PlotPoint[]>();
  for (const { rows } of summary.groups)
    for (const row of rows) {
      if (row.way === null || row.way.strategy === "speculative" || row.way.strategy === "plugin") continue;
      const name = wayText({ ...row.way, backoff: undefined });
      families.set(name, [...(families.get(name) ?? []), ...pointOf(row, String(row.way.backoff ?? ""))]);
    }
  const svg = plot({
    title: "Without the mask, Otsu's threshold, the blur",
    x: { name: "measured speed-up" },
    y: { name: "nats per token, to the base's" },
    series: [...families].map(([name, points]) => ({ name, points: points.map(bare) })),
    levels: [{ name: "the base", at: 0 }],
  });
  return section("Ablation", [
    html`<p>
      The mask at several strengths (0: none), with and without Otsu's threshold and the blur before it, at every ε_b.
    </p>`,
    figure(svg, "Along each line ε_b grows to the left. Intervals are in the table."),
    ...summary.groups.map((group) => table(group.rows.map(cellsOf), groupText(group))),
  ]);
}

/** Nine lines with bars and labels on each point could not be read. */
const bare = ({ x, y }: PlotPoint): PlotPoint => ({ x, y });
