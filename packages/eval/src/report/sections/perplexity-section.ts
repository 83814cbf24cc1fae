/** Perplexities of every head and joint, and of walks. */
import { plot } from "../chart.js";
import { figure, html, section, table, type Html } from "../html.js";
import type { ResultOf } from "../result-file.js";
import type { Estimate } from "../../statistics/intervals.js";
import { estimateText, percentText } from "../words.js";

/** `speedups`: measured, by ε_b, where another result has them. */
export function perplexitySection(
  { summary, settings }: ResultOf<"perplexity">,
  speedups: ReadonlyMap<number, Estimate>,
): Html {
  const { ppl, standardErrors, positions, masked = {}, walks = [], windows } = summary;
  const rows = Object.entries(ppl).map(([name, value]) => ({
    " ": html`PPL<sub>${name}</sub>`,
    perplexity: value.toFixed(2),
    "standard error": standardErrors[name]?.toFixed(2) ?? "",
    positions: positions[name]?.toLocaleString("en") ?? "",
    ...(summary.masked === undefined
      ? {}
      : {
          "masked joint": masked[name]?.masked?.toFixed(2) ?? "",
          "same candidates, no mask": masked[name]?.product?.toFixed(2) ?? "",
          "candidates hold": percentText(masked[name]?.coverage ?? null),
        }),
  }));
  return section("Perplexity", [
    html`<p>
      PPL<sub>n</sub> is how well head n foretells the token n places on; PPL<sub>1:n</sub> is the n tokens' joint, as
      the geometric mean per token. PPL<sub>n|1,…</sub> is head n behind the true tokens between, by conditional heads
      or by counts, and PPL<sub>chain:n</sub> the n tokens' joint as the product of these. All over the positions whose
      n targets exist, in ${windows} windows of ${modelText(settings)}. Lower is better.
    </p>`,
    table(rows),
    ...(walks.length === 0 ? [] : [walksFigure(walks), walksTable(walks, speedups)]),
  ]);
}

const modelText = (settings: ResultOf<"perplexity">["settings"]): string =>
  typeof settings["model"] === "string" ? settings["model"] : "the model";

type Walks = NonNullable<ResultOf<"perplexity">["summary"]["walks"]>;

const walksTable = (walks: Walks, speedups: ReadonlyMap<number, Estimate>): Html =>
  table(
    walks.map(({ backoff, perplexity, standardError, tokensPerPass, orders }) => ({
      ...{ ε_b: backoff, PPL_d: perplexity.toFixed(2), "standard error": standardError?.toFixed(2) ?? "" },
      "tokens per pass": tokensPerPass.toFixed(2),
      "measured speed-up of open-ended text (95 %)": estimateText(speedups.get(backoff)),
      "passes by order": orders.join(" / "),
    })),
    "PPL_d and the speed-up that it goes with",
  );

function walksFigure(walks: Walks): Html {
  const svg = plot({
    title: "PPL_d(ε_b): perplexity of what is emitted together",
    x: { name: "tokens per pass" },
    y: { name: "PPL_d" },
    series: [
      {
        name: "walks through the text",
        points: walks.map(({ backoff, perplexity, standardError, tokensPerPass }) => ({
          ...{ x: tokensPerPass, y: perplexity, label: String(backoff) },
          interval:
            standardError === null ? null : [perplexity - 1.96 * standardError, perplexity + 1.96 * standardError],
        })),
      },
    ],
  });
  return figure(
    svg,
    "A walk goes through the text as decoding would, and the tokens of each pass count as one joint. Labels: ε_b; bars: 95 %.",
  );
}
