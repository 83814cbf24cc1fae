/** Numbers on the command line: how they are read, and the options that take them. */
import { InvalidArgumentError } from "commander";
import type { OptionSpec } from "./spec.js";

/** What is legal; an open end is any number. */
export interface Range {
  /** The least legal value. */
  readonly least?: number;
  /** Every legal value is above it. */
  readonly above?: number;
  readonly most?: number;
}

function rangeText({ least, above, most }: Range): string {
  if (least !== undefined && most !== undefined) return ` from ${least} to ${most}`;
  const low = above !== undefined ? [`above ${above}`] : least !== undefined ? [`of at least ${least}`] : [];
  const all = [...low, ...(most === undefined ? [] : [`of at most ${most}`])];
  return all.length === 0 ? "" : ` ${all.join(", ")}`;
}

const isIn = (value: number, { least = -Infinity, above = -Infinity, most = Infinity }: Range): boolean =>
  value >= least && value > above && value <= most;

function read(given: string, range: Range, what: string, isKind: (value: number) => boolean): number {
  const value = Number(given);
  if (given.trim() === "" || !isKind(value) || !isIn(value, range))
    throw new InvalidArgumentError(`expected ${what}${rangeText(range)}, received ${given === "" ? '""' : given}`);
  return value;
}

export const parseNumber = (given: string, range: Range = {}): number =>
  read(given, range, "a number", Number.isFinite);

export const parseWholeNumber = (given: string, range: Range = {}): number =>
  read(given, range, "a whole number", Number.isSafeInteger);

/** A range has no more steps than this: each is a run of its own. */
const mostSteps = 10_000;

/** `0,0.5,1`, or `0:1:0.25` from the first to the second in such steps. */
export function parseNumbers(given: string, range: Range = {}): number[] {
  const parts = given.split(":");
  if (parts.length === 1) return given.split(",").map((part) => parseNumber(part, range));
  const [from, to, step] = parts.map((part) => parseNumber(part));
  if (parts.length !== 3 || from === undefined || to === undefined || step === undefined || !(step > 0 && to >= from))
    throw new InvalidArgumentError(`expected numbers as 0,0.5,1 or from:to:step, received ${given}`);
  const count = Math.floor((to - from) / step + 1e-9) + 1;
  if (count > mostSteps) throw new InvalidArgumentError(`expected at most ${mostSteps} steps, received ${given}`);
  // Rounded: 0.1 + 0.2 is no ε_b that anybody asked for.
  const all = Array.from({ length: count }, (_, i) => Number((from + i * step).toPrecision(12)));
  return all.map((value) => parseNumber(String(value), range));
}

export const number = (placeholder: string, help: string, range: Range = {}): OptionSpec<number, false> => ({
  ...{ placeholder, help, present: false },
  parse: (given) => parseNumber(given, range),
});

export const wholeNumber = (placeholder: string, help: string, range: Range = {}): OptionSpec<number, false> => ({
  ...{ placeholder, help, present: false },
  parse: (given) => parseWholeNumber(given, range),
});

/** As 0,0.5,1 or 0:1:0.25. */
export const numbers = (
  placeholder: string,
  help: string,
  range: Range = {},
): OptionSpec<readonly number[], false> => ({
  ...{ placeholder, help, present: false },
  parse: (given) => parseNumbers(given, range),
});

/** From which everything that is drawn follows. */
export const seed = (help: string): OptionSpec<number, false> => wholeNumber("<n>", help, { least: 0 });
