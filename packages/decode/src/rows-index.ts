/** @dynamo/decode/rows: for loops that own a batch, as a server's engine does; generate() is made of the same pieces. */
export { asGeneration } from "./as-generation.js";
export { beginDecoding, startDecoding, strategyOptions } from "./decoding.js";
export type { Decoding, DecodingProgress, DecodingStep } from "./decoding.js";
export { generateChecks } from "./generate-checks.js";
export { onAbort } from "./unless-aborted.js";
export { promptCheck } from "./prompt.js";
export { forwardRows, leaveRows, prefillRow, startRow, stepRows } from "./rows.js";
export type { PassOptions, PendingStep, Row, RowStep } from "./rows.js";
