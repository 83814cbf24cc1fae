/** `dynamo eval perplexity`: PPL_n, PPL_1:n and PPL_d of a text. */
import { DynamoError } from "@dynamo/core";
import { type PerplexitySummary } from "@dynamo/eval";
import { paint } from "../../paint.js";
import { columnsText } from "./columns.js";
import { runSpec } from "./run-spec.js";
import type { PerplexityOptions } from "../../schemas/evaluation.js";

export async function evalPerplexity(
  model: string | undefined,
  options: PerplexityOptions,
  signal: AbortSignal,
): Promise<void> {
  const { text, tokens, window, stride, backoff: backoffs, topK, mask } = options;
  const source = text === undefined ? (tokens === undefined ? undefined : { tokens }) : { text };
  if (source === undefined || (text !== undefined && tokens !== undefined))
    throw new DynamoError("invalid-argument", "expected either --text FILE or --tokens FILE");
  const folder = model ?? (await import("@dynamo/stories")).modelPath;
  const settings = { model: folder, source, window, stride, backoffs, topK, mask };
  await runSpec(
    { kind: "perplexity", options: settings },
    {
      ...{ options, signal, unit: "batches", print },
      // What people look for is on top.
      json: ({ summary, kind, settings }) => ({ ...summary, kind, settings }),
    },
  );
}

function print({ ppl, standardErrors, positions, masked, walks }: PerplexitySummary): void {
  const heads = Object.keys(ppl).map((name) => ({
    "": `PPL_${name}`,
    perplexity: fixed(ppl[name]),
    "±": fixed(standardErrors[name]),
    positions: positions[name] ?? 0,
  }));
  console.log(columnsText(heads));
  if (masked !== undefined) {
    console.log(paint.dim("\nwith the co-occurrence mask, over the positions whose tuple it holds"));
    const rows = Object.entries(masked).map(([name, each]) => ({
      "": `PPL_${name}`,
      masked: fixed(each.masked),
      "product of heads": fixed(each.product),
      "of all positions": `${(100 * each.coverage).toFixed(1)} %`,
    }));
    console.log(columnsText(rows));
  }
  if (walks === undefined) return;
  const rows = walks.map(({ backoff, perplexity: value, standardError, tokensPerPass, orders }) => ({
    ε_b: backoff,
    PPL_d: fixed(value),
    "±": fixed(standardError),
    "tokens per pass": fixed(tokensPerPass),
    "passes by order": orders.join(" / "),
  }));
  console.log(`\n${columnsText(rows)}`);
}

const fixed = (value: number | null | undefined): string =>
  value === null || value === undefined ? "" : value.toFixed(value < 100 ? 3 : 1);
