/** Plots as SVG text: points with error bars, lines with confidence bands, stacked bars. */
import { createHash } from "node:crypto";
import { BarChart, CustomChart, LineChart, ScatterChart } from "echarts/charts";
import { GridComponent, LegendComponent, MarkLineComponent, TitleComponent } from "echarts/components";
import { init, setPlatformAPI, use, type ComposeOption } from "echarts/core";
import type { BarSeriesOption, CustomSeriesOption, LineSeriesOption, ScatterSeriesOption } from "echarts/charts";
import type { GridComponentOption, LegendComponentOption, TitleComponentOption } from "echarts/components";
import { SVGRenderer } from "echarts/renderers";
import { bandOf, endsOf, errorBars, type PlotPoint } from "./chart-intervals.js";
import type { Html } from "./html.js";

export type { PlotPoint } from "./chart-intervals.js";

use([BarChart, CustomChart, LineChart, ScatterChart]);
/** Without a page nothing measures text, and legends would run into each other. A letter of a sans-serif is so wide, on average. */
const letterWidth = 0.57;
setPlatformAPI({
  measureText(text, font) {
    const size = Number(/(\d+)px/.exec(font ?? "")?.[1] ?? 12);
    // The library takes the height of a line from the width of a Chinese letter, which is a square.
    const widths = Array.from(text, (letter) => (letter >= "\u2e80" ? 1 : letterWidth));
    return { width: size * widths.reduce((sum, width) => sum + width, 0) };
  },
});

use([GridComponent, LegendComponent, MarkLineComponent, TitleComponent, SVGRenderer]);

type Series = BarSeriesOption | CustomSeriesOption | LineSeriesOption | ScatterSeriesOption;
type Option = ComposeOption<Series | GridComponentOption | LegendComponentOption | TitleComponentOption>;

export interface PlotSeries {
  readonly name: string;
  readonly points: readonly PlotPoint[];
  /** Default: a line with its points. A band is the line's 95 %, without points. */
  readonly draw?: "line" | "points" | "band";
  readonly dashed?: boolean;
}

export interface Axis {
  readonly name: string;
  readonly range?: readonly [low: number, high: number];
}

export interface Plot {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly PlotSeries[];
  /** Lines from side to side, named. */
  readonly levels?: readonly { readonly name: string; readonly at: number }[];
  /** Lines from top to bottom, named. */
  readonly places?: readonly { readonly name: string; readonly at: number }[];
}

/** Tell each other apart also for most who see few colours (after Okabe and Ito). */
const colours = [
  "#0072b2",
  "#d55e00",
  "#009e73",
  "#cc79a7",
  "#e69f00",
  "#56b4e9",
  "#7a5195",
  "#444444",
  "#a0a000",
] as const;
const colourOf = (i: number): string => colours[i % colours.length] ?? colours[0];
const [width, height] = [540, 360];
const ink = "#444";

export function plot({ title, x, y, series, levels = [], places = [] }: Plot): Html {
  const drawn = series.flatMap((each, i) => seriesOf(each, colourOf(i)));
  const lines = [
    ...levels.map(({ name, at }) => ({
      yAxis: at,
      name,
      label: { formatter: name, position: "insideEndTop" as const },
    })),
    ...places.map(({ name, at }) => ({
      xAxis: at,
      name,
      label: { formatter: name, position: "insideEndTop" as const },
    })),
  ];
  const marks: LineSeriesOption = {
    ...{ type: "line", data: [], name: "" },
    markLine: { data: lines, symbol: "none", silent: true, lineStyle: { color: ink, type: "dotted" } },
  };
  return svgOf({
    ...frame(
      title,
      series.map(({ name }) => name),
    ),
    xAxis: axisOf(x, "middle", 28),
    yAxis: axisOf(y, "middle", 52),
    series: [...drawn, ...(lines.length === 0 ? [] : [marks])],
  });
}

export interface Bars {
  readonly title: string;
  readonly x: { readonly name: string; readonly categories: readonly string[] };
  readonly y: Axis;
  readonly series: readonly { readonly name: string; readonly values: readonly number[] }[];
}

/** One bar a category, of all series on top of one another. */
export function stackedBars({ title, x, y, series }: Bars): Html {
  return svgOf({
    ...frame(
      title,
      series.map(({ name }) => name),
    ),
    xAxis: { type: "category", data: [...x.categories], name: x.name, nameLocation: "middle", nameGap: 28 },
    yAxis: axisOf(y, "middle", 52),
    series: series.map(({ name, values }, i) => ({
      ...{ type: "bar", name, stack: "all", data: [...values] },
      itemStyle: { color: colourOf(i) },
      barCategoryGap: "25%",
    })),
  });
}

const axisOf = ({ name, range }: Axis, nameLocation: "middle", nameGap: number): object => ({
  ...{ type: "value", name, nameLocation, nameGap, scale: true },
  ...(range === undefined ? {} : { min: range[0], max: range[1] }),
  nameTextStyle: { color: ink },
});

function frame(title: string, names: readonly string[]): Option {
  const legend = names.length > 1 ? legendHeight(names) : 0;
  return {
    animation: false,
    textStyle: { fontFamily: "system-ui, sans-serif" },
    title: { text: title, left: 0, top: 0, padding: 0, textStyle: { fontSize: 15, fontWeight: 600, color: "#222" } },
    legend: {
      top: 24,
      left: 0,
      padding: 0,
      show: legend > 0,
      data: [...names],
      itemWidth: 16,
      itemHeight: 8,
      itemGap: 12,
    },
    grid: { left: 66, right: 24, top: 36 + legend, bottom: 48 },
  };
}

/** Pixels, from what a letter takes on average: a legend that wraps must not cover the plot. */
function legendHeight(names: readonly string[]): number {
  let [lines, used] = [1, 0];
  for (const { length } of names) {
    const wide = 36 + 12 * letterWidth * length;
    if (used > 0 && used + wide > width) [lines, used] = [lines + 1, 0];
    used += wide;
  }
  return 6 + 22 * lines;
}

function seriesOf(series: PlotSeries, color: string): (CustomSeriesOption | LineSeriesOption | ScatterSeriesOption)[] {
  const { name, points, draw = "line", dashed = false } = series;
  const data = points.map(({ x, y, label }) => ({ value: [x, y], name: label ?? "" }));
  const label = { show: points.some((point) => point.label !== undefined), formatter: "{b}", position: "top" as const };
  const line: LineSeriesOption = {
    ...{ type: "line", name, data, label, showSymbol: draw === "line", symbol: "circle", symbolSize: 7 },
    itemStyle: { color },
    lineStyle: { color, width: 2, type: dashed ? "dashed" : "solid" },
  };
  if (draw === "band") return [bandOf(points, color), line];
  const bars = points.some(({ interval, across }) => interval ?? across)
    ? [errorBars(points, color), endsOf(points)]
    : [];
  if (draw === "line") return [...bars, line];
  const scatter: ScatterSeriesOption = { type: "scatter", name, data, label, symbolSize: 9, itemStyle: { color } };
  return [...bars, scatter];
}

function svgOf(option: Option): Html {
  const drawn = init(null, null, { renderer: "svg", ssr: true, width, height });
  try {
    drawn.setOption(option);
    return { html: withOwnNames(drawn.renderToSVGString(), option) };
  } finally {
    drawn.dispose();
  }
}

/**
 * The library numbers its clip paths by the plots that the process has drawn: named by what is drawn, the same results give
 * the same bytes. Its styles are for the mouse, which does nothing here.
 */
function withOwnNames(svg: string, option: Option): string {
  const name = createHash("sha256").update(JSON.stringify(option)).digest("hex").slice(0, 12);
  return svg
    .replace(/<style[^>]*>[^]*?<\/style>/g, "")
    .replaceAll(/ class="zr\d+-cls-\d+"/g, "")
    .replaceAll(/\bzr\d+-/g, `p${name}-`);
}
