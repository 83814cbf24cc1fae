/** What a batch without a server is started with. */
import type { ServerModel } from "../server-options.js";

/** A file of requests to answer without a server. */
export interface BatchFileOptions {
  readonly input: string;
  /** Answers that are in it already are not computed again. */
  readonly output: string;
  readonly model: ServerModel;
  /** Seconds that one line may take. */
  readonly seconds: number;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
  /** What happens to the inference process. */
  readonly log: (line: string) => void;
}
