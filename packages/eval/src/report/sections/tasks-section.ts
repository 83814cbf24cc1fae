/** Scores of published question sets. */
import { html, section, table, type Html } from "../html.js";
import type { ResultOf } from "../result-file.js";

type Task = ResultOf<"tasks">["summary"]["tasks"][number];

export function tasksSection({ summary }: ResultOf<"tasks">): Html {
  return section("Tasks", [
    html`<p>Prompts and metrics are lm-evaluation-harness's; ± is the standard error over the questions.</p>`,
    table(summary.tasks.flatMap(rowsOf)),
  ]);
}

const rowsOf = ({ task, fewShot, documents, metrics, truncated, writing }: Task): Record<string, string | number>[] =>
  Object.entries(metrics).map(([metric, { value, standardError }]) => ({
    ...{ task, metric, score: value.toFixed(4), "±": standardError?.toFixed(4) ?? "" },
    ...{ questions: documents.toLocaleString("en"), examples: fewShot },
    "cut to the context": truncated.documents === 0 ? "" : truncated.documents,
    "tokens per pass": writing?.tokensPerPass.toFixed(2) ?? "",
  }));
