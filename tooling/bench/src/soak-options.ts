/** The command line of `pnpm soak:server`. */
import { parseArgs } from "node:util";
import type { SoakLoad } from "./soak-clients.js";
import type { AllowedGrowth } from "./soak-memory.js";

export interface SoakOptions extends SoakLoad {
  readonly allowedGrowth: AllowedGrowth;
  readonly json: string | undefined;
}

/** The run ends with so many requests or seconds, whichever come first. */
const [longRequests, longSeconds] = [50_000, 30 * 60];
const [quickRequests, quickSeconds] = [50_000, 50];
/** Heaps and the caches of the longest texts still settle in the first minute: this finds what leaks a MiB a second. */
const quickGrowth: AllowedGrowth = { share: 0.3, mebibytes: 64 };
const longGrowth: AllowedGrowth = { share: 0.05, mebibytes: 16 };

/** Throws with a sentence for people. */
export function parseSoakOptions(args: readonly string[]): SoakOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      requests: { type: "string" },
      minutes: { type: "string" },
      clients: { type: "string", default: "32" },
      seed: { type: "string", default: "1" },
      json: { type: "string" },
    },
  });
  const { quick, requests, minutes } = values;
  return {
    clients: positive("--clients", values.clients),
    requests: requests === undefined ? (quick ? quickRequests : longRequests) : positive("--requests", requests),
    seconds: minutes === undefined ? (quick ? quickSeconds : longSeconds) : 60 * positive("--minutes", minutes),
    seed: positive("--seed", values.seed),
    allowedGrowth: quick ? quickGrowth : longGrowth,
    json: values.json,
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new Error(`${name}: expected a whole number above 0, received "${text}"`);
}
