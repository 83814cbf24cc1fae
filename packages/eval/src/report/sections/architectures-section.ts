/** Models side by side (the paper's Table 10). */
import { html, section, table, type Html } from "../html.js";
import type { ResultOf } from "../result-file.js";
import { estimateText, percentText } from "../words.js";

export function architecturesSection({ summary }: ResultOf<"architectures">): Html {
  const joints = (model: (typeof summary.models)[number]): string =>
    Object.entries(model.perplexity?.ppl ?? {})
      .map(([name, value]) => `${name}: ${value.toFixed(1)}`)
      .join(", ");
  const rows = summary.models.map((model) => ({
    model: model.model,
    heads: model.tokenHeads,
    parameters: `${(model.parameters / 1e6).toFixed(2)} M`,
    "more parameters": percentText(model.parameterOverhead),
    "more FLOPs per pass": percentText(model.flopsOverhead),
    perplexities: joints(model),
    "tokens per pass": model.dynamo.tokensPerPass.toFixed(2),
    "speed-up (95 %)": estimateText(model.dynamo.speedup),
    "nats per token, to the base's": estimateText(model.dynamo.difference),
  }));
  return section("Architectures", [
    html`<p>
      What the token heads add to the base, how well each foretells, and the measured speed-up over the same model's
      head 1.
    </p>`,
    table(rows),
  ]);
}
