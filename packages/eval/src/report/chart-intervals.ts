/** Confidence intervals in plots: bars through points, bands around lines. */
import type { CustomSeriesOption, ScatterSeriesOption } from "echarts/charts";
import type { Interval } from "../statistics/intervals.js";

export interface PlotPoint {
  readonly x: number;
  readonly y: number;
  /** 95 % of y. */
  readonly interval?: Interval;
  /** 95 % of x. */
  readonly across?: Interval;
  readonly label?: string;
}

/** Between the intervals' ends; nothing where there are none. */
export function bandOf(points: readonly PlotPoint[], color: string): CustomSeriesOption {
  const known = points.flatMap(({ x, interval }) => (interval ? [{ x, low: interval[0], high: interval[1] }] : []));
  return {
    ...{ type: "custom", silent: true, data: known.length === 0 ? [] : [[known[0]?.x ?? 0, known[0]?.low ?? 0]] },
    renderItem: (_, api) => ({
      type: "polygon",
      shape: {
        points: [
          ...known.map(({ x, high }) => api.coord([x, high])),
          ...known.map(({ x, low }) => api.coord([x, low])).reverse(),
        ],
      },
      style: { fill: color, opacity: 0.15 },
    }),
    clip: true,
  };
}

export function errorBars(points: readonly PlotPoint[], color: string): CustomSeriesOption {
  return {
    ...{ type: "custom", silent: true, clip: true, data: points.map(({ x, y }) => [x, y]) },
    renderItem: ({ dataIndex }, api) => {
      const { x, y, interval, across } = points[dataIndex] as PlotPoint;
      const ends = [
        ...(interval ? [[api.coord([x, interval[0]]), api.coord([x, interval[1]])]] : []),
        ...(across ? [[api.coord([across[0], y]), api.coord([across[1], y])]] : []),
      ];
      return {
        type: "group",
        children: ends.map(([from = [0, 0], to = [0, 0]]) => ({
          type: "line" as const,
          shape: { x1: from[0] ?? 0, y1: from[1] ?? 0, x2: to[0] ?? 0, y2: to[1] ?? 0 },
          style: { stroke: color, lineWidth: 1.5, opacity: 0.6 },
        })),
      };
    },
  };
}

/** Nothing to be seen: axes are long enough for all points of a series, and so for the bars too. */
export function endsOf(points: readonly PlotPoint[]): ScatterSeriesOption {
  const data = points.flatMap(({ x, y, interval, across }) => [
    ...(interval ?? []).map((end) => [x, end]),
    ...(across ?? []).map((end) => [end, y]),
  ]);
  return { type: "scatter", data, symbolSize: 0, silent: true };
}
