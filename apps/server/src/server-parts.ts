/** The parts of a server that can be exchanged. */
import type { LogTarget } from "./app.js";
import type { Inference, InferenceOptions } from "./inference/inference.js";

/** What is in the place of the real things, for tests. */
export interface ServerParts {
  readonly inference?: ((options: InferenceOptions) => Inference) | undefined;
  readonly log?: LogTarget | undefined;
}
