/** What the report says of one evaluation, by its kind. */
import { architecturesSection } from "./sections/architectures-section.js";
import { ablationSection, compareSection } from "./sections/comparison-section.js";
import { completionsSection } from "./sections/completions-section.js";
import type { Html } from "./html.js";
import { judgeSection, measuresSection } from "./sections/quality-section.js";
import { perplexitySection } from "./sections/perplexity-section.js";
import { tuneSection } from "./sections/tune-section.js";
import { tasksSection } from "./sections/tasks-section.js";
import type { Estimate } from "../statistics/intervals.js";
import type { ResultFile } from "./result-file.js";

/** `all`: what other results say of the same model comes along. */
export function sectionOf(result: ResultFile, all: readonly ResultFile[]): Html {
  switch (result.kind) {
    case "perplexity":
      return perplexitySection(result, speedupsOf(all, result.settings["model"]));
    case "tasks":
      return tasksSection(result);
    case "completions":
      return completionsSection(result);
    case "measures":
      return measuresSection(result);
    case "judge":
      return judgeSection(result);
    case "tune":
      return tuneSection(result);
    case "compare":
      return compareSection(result);
    case "ablation":
      return ablationSection(result);
    case "architectures":
      return architecturesSection(result);
  }
}

/** By ε_b, measured on open-ended text of DynaMo's decoding with nothing else changed. */
function speedupsOf(all: readonly ResultFile[], model: unknown): Map<number, Estimate> {
  const measured = all.flatMap((result) =>
    result.kind === "completions" && result.settings["model"] === model ? result.summary.settings : [],
  );
  return new Map(
    measured.flatMap(({ setting, speedup }) => {
      const { strategy, backoff, ...others } = setting;
      const plain = strategy === "dynamo" && Object.values(others).every((value) => value === undefined);
      return plain && backoff !== undefined && speedup !== null ? [[backoff, speedup] as const] : [];
    }),
  );
}
