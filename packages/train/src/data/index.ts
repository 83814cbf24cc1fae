/** Training data: text files to token shards, token shards to batches. Node only. */
export type { Batches, BatchOptions, DataPosition } from "./batches.js";
export { openDataset } from "./dataset.js";
export type { Dataset } from "./dataset.js";
export { documents, totalBytes } from "./documents.js";
export type { DocumentPiece } from "./documents.js";
export type { ChatLayout, DatasetManifest, Shard, SourceSummary, SplitSummary, TokenDType } from "./manifest.js";
export { prepareChatDataset } from "./chat/prepare-chat.js";
export type { ChatPrepareOptions, ChatSummary } from "./chat/prepare-chat.js";
export { defaultChatTemplate } from "./chat/default-template.js";
export { prepareDataset } from "./prepare.js";
export type { DatasetSummary } from "./preparation.js";
export type { DatasetSource, PrepareOptions, PrepareProgress } from "./prepare-options.js";
export { verifyDataset } from "./verify-dataset.js";
export type { VerifyOptions } from "./verify-dataset.js";
export { hashText, splitOf } from "./split.js";
export type { Split } from "./split.js";
