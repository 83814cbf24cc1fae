/** The heat map of a stage: head 1's ranks down, head 2's across, labelled by their tokens; the chosen tuple is framed. */
import type { Tokenizer } from "@dynamo/core";
import type { HeadDistribution } from "@dynamo/decode";
import { cell, text, type PlotOptions } from "@observablehq/plot";
import { useCallback } from "react";
import { figure } from "../components/figures.js";
import { PlotFigure } from "../components/plot-figure.js";
import { tokenLabel, type Square } from "./heat-map.js";
import { colourOptions } from "./scale.js";

export interface HeatMapPlotProps {
  readonly squares: readonly Square[];
  readonly size: number;
  readonly heads: readonly HeadDistribution[];
  readonly tokenizer: Tokenizer;
  /** Ranks of the chosen tuple's first two tokens, when this slice holds it. */
  readonly chosen: readonly number[] | undefined;
  readonly dark: boolean;
  readonly label: string;
}

/** Pixels a side, where there is room. */
const widest = 640;

export function HeatMapPlot(props: HeatMapPlotProps): React.JSX.Element {
  const { squares, size, heads, tokenizer, chosen, dark, label } = props;
  const draw = useCallback(
    (available: number): PlotOptions => {
      const side = Math.min(widest, available);
      const labels = [0, 1].map((head) =>
        Array.from(heads[head]?.ids.subarray(0, size) ?? [], (id) => tokenLabel(tokenizer.decode([id]))),
      );
      const ranks = Array.from({ length: size }, (_, rank) => rank);
      const nameOf = (head: number) => (rank: number) => labels[head]?.[rank] ?? "";
      const mark = chosen === undefined ? [] : [{ first: chosen[0] ?? 0, second: chosen[1] ?? 0 }];
      return {
        width: side,
        height: side,
        marginLeft: 80,
        marginBottom: 80,
        marginTop: 24,
        style: { background: "transparent", fontSize: "11px" },
        padding: 0.04,
        x: {
          domain: ranks,
          tickFormat: nameOf(1),
          tickRotate: -60,
          label: "second token (head 2) →",
          labelAnchor: "right",
        },
        y: {
          domain: ranks,
          tickFormat: nameOf(0),
          label: "first token (head 1)",
          labelAnchor: "top",
          labelArrow: "none",
        },
        color: {
          ...colourOptions(dark),
          label: "joint probability",
          legend: true,
          tickFormat: "~g",
        },
        marks: [
          cell(squares, {
            x: "second",
            y: "first",
            fill: "value",
            title: ({ first, second, value }: Square) => `${nameOf(0)(first)} + ${nameOf(1)(second)}: ${figure(value)}`,
          }),
          cell(mark, { x: "second", y: "first", fill: "none", stroke: dark ? "#ff8787" : "#c92a2a", strokeWidth: 3 }),
          text(mark, { x: "second", y: "first", text: () => "★", fill: dark ? "#ff8787" : "#c92a2a", fontSize: 14 }),
        ],
      };
    },
    [squares, size, heads, tokenizer, chosen, dark],
  );
  return <PlotFigure draw={draw} label={label} />;
}
