/** What the report says of one evaluation, by its kind. */
import { architecturesSection } from "./architectures-section.js";
import { ablationSection, compareSection } from "./comparison-section.js";
import { completionsSection } from "./completions-section.js";
import type { Html } from "./html.js";
import { judgeSection, measuresSection } from "./quality-section.js";
import { perplexitySection } from "./perplexity-section.js";
import { tasksSection } from "./tasks-section.js";
import type { ResultFile } from "./result-file.js";

export function sectionOf(result: ResultFile): Html {
  switch (result.kind) {
    case "perplexity":
      return perplexitySection(result);
    case "tasks":
      return tasksSection(result);
    case "completions":
      return completionsSection(result);
    case "measures":
      return measuresSection(result);
    case "judge":
      return judgeSection(result);
    case "compare":
      return compareSection(result);
    case "ablation":
      return ablationSection(result);
    case "architectures":
      return architecturesSection(result);
  }
}
