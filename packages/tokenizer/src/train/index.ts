/** @dynamo/tokenizer/train: makes a byte-level BPE in tokenizer.json form, as GPT-2's and Pythia's are. */
export type { BpeTrainingOptions, FinishOptions, OnBpeProgress } from "./options.js";
export { tokenizerConfig } from "./tokenizer-json.js";
export type { BpeTokenizerJson, TokenizerConfigOptions } from "./tokenizer-json.js";
export { createBpeTrainer } from "./trainer.js";
export type { BpeTrainer } from "./trainer.js";
