/** What the jobs of a comparison return. */
import type { Way } from "./ways.js";
import type { WrittenGroup } from "./write-group.js";

/** Ways that are written in turns with the base of one model. */
export interface Group {
  readonly model: string;
  /** Of speculative sampling. */
  readonly draft?: string | undefined;
  readonly ways: readonly Way[];
}

export interface ComparisonJob {
  readonly group: number;
  readonly prompt: number;
}

export interface ComparisonResult extends ComparisonJob {
  /** The base's first. */
  readonly written: readonly WrittenGroup[];
}
