/** @dynamo/eval: does it write as well, and how much faster? */
export type { EvalWorker, Evaluation, Json, JsonObject } from "./evaluation.js";
