/** A request for texts while they are written: what is counted of it. */
import type { TextEnd } from "./openai/bodies.js";

export interface TextWork {
  /** Of the answer. */
  readonly id: string;
  readonly model: string;
  /** As OpenTelemetry's conventions for generative AI name them. */
  readonly operation: Operation;
  readonly stream: boolean;
  readonly texts: number;
  /** Tokens of all texts so far. */
  written: number;
  /** When the first of them came, as performance.now() has it, in milliseconds. */
  firstText: number | undefined;
  readonly ends: TextEnd[];
}

export type Operation = "chat" | "text_completion";

export const operationOf = (kind: "chat" | "completion"): Operation => (kind === "chat" ? "chat" : "text_completion");

export const textWork = (work: Pick<TextWork, "id" | "model" | "operation" | "stream" | "texts">): TextWork => ({
  ...work,
  written: 0,
  firstText: undefined,
  ends: [],
});
