/** `--conditional pairs,between`: which conditional parts, and of what size. */
import type { ConditionalSizes } from "@dynamo/model";
import { InvalidArgumentError } from "commander";
import { parseWholeNumber } from "../options/numbers.js";
import type { OptionSpec } from "../options/spec.js";

/** Where only the part is named. */
const usual: ConditionalSizes = { pairs: 64, between: 192 };

/** "pairs", "between:256", "pairs:64,between:192". Throws InvalidArgumentError. */
export function parseConditionalSizes(given: string): ConditionalSizes {
  const sizes = { pairs: 0, between: 0 };
  for (const part of given.split(",")) {
    const [name = "", size, ...more] = part.split(":");
    if (!Object.hasOwn(usual, name) || more.length > 0 || sizes[name as keyof ConditionalSizes] > 0)
      throw new InvalidArgumentError(
        `expected pairs, between or both, each with a size or none, such as pairs:64,between:192; received ${JSON.stringify(given)}`,
      );
    const key = name as keyof ConditionalSizes;
    sizes[key] = size === undefined ? usual[key] : parseWholeNumber(size, { least: 1, most: 4096 });
  }
  return sizes;
}

export const conditionalSizes = (help: string): OptionSpec<ConditionalSizes, false> => ({
  placeholder: "<parts>",
  help,
  present: false,
  parse: parseConditionalSizes,
});
