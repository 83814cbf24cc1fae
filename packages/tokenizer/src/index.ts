/** @dynamo/tokenizer: encode, decode, streaming decode and chat templates of any tokenizer.json. */
export type { ApplyChatTemplate, ChatMessage, ChatTemplateOptions, TemplateMessage } from "./chat-template.js";
export { fitConversation, mostCharactersPerToken } from "./conversation.js";
export type { FitOptions, FittedPrompt } from "./conversation.js";
export type { Encode, EncodeOptions } from "./encoding.js";
export { loadTokenizer, openTokenizer } from "./load-tokenizer.js";
export type { Marked, MarkSpecial } from "./marks.js";
export type { LoadedTokenizer, TokenizerFiles } from "./make-tokenizer.js";
