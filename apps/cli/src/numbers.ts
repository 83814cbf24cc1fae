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

/** Collects a repeatable option. */
export const collect = (text: string, before: readonly string[] = []): string[] => [...before, text];
