/** The two figures of a sweep: speed against ε_b, and the orders that passes settle at (paper, Figures 5 and 15b). */
import { areaY, axisY, dot, gridY, lineY, ruleY, type PlotOptions } from "@observablehq/plot";
import { tokensPerPass } from "../passes/pass.js";
import { orderShares, speedUp, type Sweep } from "./sweep.js";

const frame = { height: 320, marginLeft: 44, marginBottom: 40, style: { background: "transparent", fontSize: "12px" } };
const x = { domain: [0, 1], label: "back-off threshold →" };
const ticks = { fill: "currentColor" };

/** Tokens per second against the base model's, and tokens per pass: what it would be if a pass cost the same. */
export function speedFigure({ points }: Sweep, dark: boolean): PlotOptions {
  const names = ["speed-up", "tokens per pass"];
  const rows = points.flatMap((point) => [
    { backoff: point.backoff, value: speedUp(point), what: names[0] },
    { backoff: point.backoff, value: tokensPerPass(point), what: names[1] },
  ]);
  const at = { x: "backoff", y: "value", stroke: "what" };
  return {
    ...frame,
    x,
    y: { label: "× one token per pass", zero: true },
    color: { domain: names, range: dark ? ["#38d9a9", "#74c0fc"] : ["#087f5b", "#1971c2"], legend: true },
    marks: [
      gridY(),
      axisY(ticks),
      ruleY([1], { strokeDasharray: "4 3", strokeOpacity: 0.6 }),
      lineY(rows, { ...at, strokeWidth: 2 }),
      dot(rows, { ...at, symbol: "what", r: 3.5 }),
    ],
  };
}

/** Stacked shares of the orders 1 to `highest`. */
export function orderFigure({ points }: Sweep, highest: number, dark: boolean): PlotOptions {
  const light = ["#adb5bd", "#4dabf7", "#20c997", "#ff922b"];
  const strong = ["#868e96", "#1c7ed6", "#12b886", "#f76707"];
  return {
    ...frame,
    x,
    y: { label: "share of passes", domain: [0, 1], percent: false },
    color: {
      domain: Array.from({ length: highest }, (_, i) => i + 1),
      range: dark ? strong : light,
      type: "ordinal",
      legend: true,
      label: "order",
    },
    marks: [
      axisY(ticks),
      areaY(orderShares(points, highest), { x: "backoff", y: "share", fill: "order", z: "order" }),
      ruleY([0]),
    ],
  };
}
