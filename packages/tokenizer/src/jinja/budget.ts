/** What one rendering may use: templates come from strangers, and an endless one must end. */
import { TemplateError } from "./errors.js";

/** A step is an expression, a value or 64 characters; published templates take 50 to 200 for a message. */
export const maxSteps = 5_000_000;
/** Characters of one text, and of the rendered whole: 16 times the longest context there is. */
export const maxText = 2 ** 25;
/** Macros and recursive loops inside one another. */
export const maxCalls = 100;
/** Nested lists and objects in values, and nested parts of a template's text. */
export const maxNesting = 200;

export interface Budget {
  /** Counts steps. Throws when there are none left. */
  readonly spend: (steps?: number) => void;
  /** Counts a text that comes into being and gives it back. Throws for one that is too long. */
  readonly text: (made: string) => string;
  /** Throws before a text or list of this length is made. */
  readonly room: (length: number) => void;
  /** As `room`, for a text that was counted before and gets longer. */
  readonly grow: (length: number, by: number) => void;
}

export function createBudget(steps = maxSteps): Budget {
  let left = steps;
  const spend = (count = 1): void => {
    left -= count;
    if (left < 0) throw new TemplateError("limit", `expected a template of at most ${steps} steps, it takes more`);
  };
  const grow = (length: number, by: number): void => {
    if (length + by > maxText)
      throw new TemplateError(
        "limit",
        `expected texts of at most ${maxText} characters, received one of ${length + by}`,
      );
    spend(by >>> 6);
  };
  const room = (length: number): void => grow(0, length);
  const text = (made: string): string => {
    room(made.length);
    return made;
  };
  return { spend, text, room, grow };
}
