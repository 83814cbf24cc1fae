/** Options of the built-in strategies: their ranges, and where a value comes from when the user gave none. */
import { DynamoError, type GenerationDefaults } from "@dynamo/core";
import type { StepOptions } from "./dynamo-step.js";

export interface SamplingOptions {
  /** 0 is greedy. Default 0.7. */
  readonly temperature?: number | undefined;
  /** Candidates a head, 1 to 1,024. Default 50. */
  readonly topK?: number | undefined;
  /** Nucleus: only a head's likeliest tokens that together reach this probability, above 0 to 1. Default 1: all of them. */
  readonly topP?: number | undefined;
  /** Above 0; 1 is none. Default 1.1. */
  readonly repetitionPenalty?: number | undefined;
}

/** More candidates would only be noise, and their n-tuples would not fit a 32-bit cell. */
export const maxTopK = 1024;

function check(name: string, value: number | undefined, valid: (value: number) => boolean, expected: string): void {
  if (value !== undefined && !(typeof value === "number" && valid(value))) {
    throw new DynamoError("invalid-argument", `${name} must be ${expected}, received ${String(value)}`);
  }
}

/** Throws `invalid-argument` for values out of range. */
export function checkSampling({ temperature, topK, topP, repetitionPenalty }: SamplingOptions): void {
  check("temperature", temperature, (t) => Number.isFinite(t) && t >= 0, "a number of at least 0");
  check("topK", topK, (k) => Number.isInteger(k) && k >= 1 && k <= maxTopK, `a whole number from 1 to ${maxTopK}`);
  check("topP", topP, (p) => p > 0 && p <= 1, "a number above 0, at most 1");
  check("repetitionPenalty", repetitionPenalty, (p) => Number.isFinite(p) && p > 0, "a number above 0");
}

export function checkShare(name: string, value: number | undefined): void {
  check(name, value, (share) => share >= 0 && share <= 1, "a number from 0 to 1");
}

export function checkTokenHeads(value: number | undefined): void {
  check("tokenHeads", value, (n) => Number.isInteger(n) && n >= 1 && n <= 4, "a whole number from 1 to 4");
}

/** The user's value, else the model's recommendation, else the paper's. */
export function resolve(
  options: { readonly [K in keyof StepOptions]?: StepOptions[K] | undefined },
  defaults: GenerationDefaults,
): StepOptions {
  return {
    temperature: options.temperature ?? defaults.temperature ?? 0.7,
    topP: options.topP,
    repetitionPenalty: options.repetitionPenalty ?? defaults.repetitionPenalty ?? 1.1,
    backoff: options.backoff ?? defaults.backoff ?? 0.5,
    maskStrength: options.maskStrength ?? defaults.maskStrength ?? 1,
    adaptive: options.adaptive ?? true,
    blur: options.blur ?? true,
  };
}
