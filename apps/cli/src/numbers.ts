/** Numbers on the command line. */
import { InvalidArgumentError } from "commander";

export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value))
    throw new InvalidArgumentError(`expected a number, received ${text}`);
  return value;
}

export function wholeNumber(text: string): number {
  const value = number(text);
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError(`expected a whole number, received ${text}`);
  return value;
}

export function seed(text: string): number {
  const value = wholeNumber(text);
  if (value < 0) throw new InvalidArgumentError(`expected a whole number of at least 0, received ${text}`);
  return value;
}

/** A range has no more steps than this: each is a run of its own. */
const mostSteps = 10_000;

/** `0,0.5,1`, or `0:1:0.25` from the first to the second in such steps. */
export function numbers(text: string): number[] {
  const range = text.split(":");
  if (range.length === 1) return text.split(",").map(number);
  const [from, to, step] = range.map(number);
  if (range.length !== 3 || from === undefined || to === undefined || step === undefined || !(step > 0 && to >= from))
    throw new InvalidArgumentError(`expected numbers as 0,0.5,1 or from:to:step, received ${text}`);
  const count = Math.floor((to - from) / step + 1e-9) + 1;
  if (count > mostSteps) throw new InvalidArgumentError(`expected at most ${mostSteps} steps, received ${text}`);
  // Rounded: 0.1 + 0.2 is no ε_b that anybody asked for.
  return Array.from({ length: count }, (_, i) => Number((from + i * step).toPrecision(12)));
}

/** Collects a repeatable option. */
export const collect = (text: string, before: readonly string[] = []): string[] => [...before, text];
