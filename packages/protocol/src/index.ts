/** @dynamo/protocol: what DynaMo adds to the OpenAI-compatible HTTP API, for servers and clients alike. */
export { parseJson } from "./check.js";
export { parseModels } from "./models.js";
export type { ListedModel, ModelList } from "./models.js";
export { fromWireCandidates, toWireCandidates, wirePass } from "./pass.js";
export type { CandidatesOptions, WireCandidate, WireOrder, WirePass } from "./pass.js";
export { parseChatRequest, parseCompletionRequest } from "./request.js";
export type { ChatRequest, CompletionRequest, DynamoOptionsBody } from "./request.js";
export { errorMessage, mostEventCharacters, parseStreamEvent } from "./stream.js";
export type { ChatChunk, CompletionChunk, ErrorBody, StreamEvent, StreamKind } from "./stream.js";
