/** @dynamo/cooccurrence: n-gram counts of token streams, and the sparse mask made of them. */
export { createNgramCounter, maxOrder } from "./counter.js";
export type { FinishOptions, NgramCounter, NgramCounterOptions } from "./counter.js";
export { decodeMask, encodeMask } from "./file.js";
export type { CooccurrenceMask } from "./mask.js";
export type { Level, Trie } from "./trie.js";
