/** What the server and the inference process say to each other. */
import type { DeviceChoice, DynamoErrorCode } from "@dynamo/core";
import type { DraftSourceName, JointKind } from "@dynamo/decode";
import type { EngineState, PassReport, RequestStatistics } from "@dynamo/engine";
import type { WirePass } from "@dynamo/protocol";
import type { ChatMessage } from "@dynamo/tokenizer";

/** Which model, where it runs, and how many share it: fixed for a process's life. */
export interface InferenceSettings {
  /** A model folder. */
  readonly folder: string;
  readonly device: "auto" | "cpu" | "cuda" | "webgpu";
  readonly dtype: "fp32" | "fp16" | "q8" | "q4" | "int8" | undefined;
  readonly threads: number | undefined;
  readonly slots: number;
  readonly queue: number;
  /** Leave out a conversation's oldest turns where the context has no room for them, or refuse it; default true. */
  readonly dropMessages?: boolean | undefined;
  /** Strategies of the operator's own, which requests may name. */
  readonly plugins?: readonly ServedPlugin[] | undefined;
}

/** A strategy's module under the name that requests use. */
export interface ServedPlugin {
  readonly name: string;
  /** Its file. */
  readonly module: string;
  /** What it is made from, beside a request's own sampling options, which win. */
  readonly options?: Readonly<Record<string, unknown>> | undefined;
}

export interface ServedModel {
  readonly tokenHeads: number;
  readonly contextLength: number;
  readonly vocabularySize: number;
  /** Tokens of a text whose request does not say: what its folder recommends. */
  readonly maxNewTokens: number | undefined;
  /** It has a chat template. */
  readonly chat: boolean;
  readonly device: DeviceChoice;
  readonly dtype: string;
  /** What its folder asks for in vain, and what of it cannot be trusted. */
  readonly warnings: readonly string[];
}

export interface StrategySettings {
  /** One of the library, or a plugin's. Default: dynamo for a model of several heads. */
  readonly name: string | undefined;
  readonly temperature: number | undefined;
  readonly topP: number | undefined;
  readonly topK: number | undefined;
  readonly minP: number | undefined;
  readonly typicalP: number | undefined;
  readonly repetitionPenalty: number | undefined;
  readonly backoff: number | undefined;
  readonly maskStrength: number | undefined;
  readonly joint: JointKind | undefined;
  readonly sources: readonly DraftSourceName[] | undefined;
  readonly drafts: number | "auto" | undefined;
  readonly adaptive: boolean | undefined;
  readonly blur: boolean | undefined;
}

export interface Conversation {
  readonly messages: readonly ChatMessage[];
  /** More variables of the chat template. */
  readonly variables?: Readonly<Record<string, unknown>> | undefined;
  /** Whether the oldest turns are left out where the context has no room; undefined: as the model's settings say. */
  readonly dropMessages?: boolean | undefined;
}

export interface InferenceRequest {
  readonly prompt: string | readonly number[] | Conversation;
  /** The model's begin-of-text before the prompt, where it has one. */
  readonly beginOfText: boolean;
  readonly strategy: StrategySettings;
  /** Undefined: as many as the model's folder recommends, else as the context has room for. Infinity: the latter. */
  readonly maxNewTokens: number | undefined;
  readonly seed: number | undefined;
  readonly stop: readonly string[];
  readonly stopIds: readonly number[];
  readonly stopAtEndOfText: boolean;
  /** Undefined, as an empty list of stop strings: as the model's folder recommends. */
  readonly minNewTokens: number | undefined;
  readonly logitBias: Readonly<Record<number, number>>;
  readonly presencePenalty: number;
  readonly frequencyPenalty: number;
  /** Log-probabilities, with so many alternatives. */
  readonly logprobs: number | undefined;
  /** Those of the prompt's tokens. */
  readonly promptLogprobs: number | undefined;
  /** Each chunk tells its pass. */
  readonly trace: boolean;
  /** The seed's random stream: texts of one prompt differ by it. */
  readonly index: number;
  /** Another text of the same request was taken: this one is, however full the queue. */
  readonly joins: boolean;
  /** Its client gets nothing before its end: when the process ends, it begins again. */
  readonly whole: boolean;
  /** Whose turn it is in the queue. */
  readonly key: string;
  /** Whose computed prompts it may go on from. */
  readonly scope: string;
  /** Whose scope that is: a key may have several. */
  readonly owner: string;
}

/** As the inference process gets it: its prompt has been read elsewhere. */
export interface PreparedRequest extends Omit<InferenceRequest, "prompt" | "maxNewTokens"> {
  readonly prompt: Int32Array;
  readonly maxNewTokens: number;
}

export interface WireToken {
  readonly id: number;
  /** What it adds to the text, half a character included; none for special tokens. */
  readonly bytes: readonly number[];
  /** As the vocabulary has it. */
  readonly name: string;
  readonly logprob: number | undefined;
}

export interface WireLogprob extends WireToken {
  /** Characters, as Unicode counts them, that are complete with it. */
  readonly characters: number;
  readonly top: readonly WireToken[];
}

export interface InferenceChunk {
  readonly text: string;
  readonly tokens: number;
  readonly logprobs: readonly WireLogprob[];
  /** Of the prompt's tokens, in the first chunk of a request that asked for them. */
  readonly promptLogprobs?: readonly WireLogprob[] | undefined;
  readonly pass: WirePass | undefined;
}

export interface InferenceEnd {
  readonly finishReason: "stop" | "length";
  readonly tokens: number;
  readonly statistics: RequestStatistics;
}

export interface InferenceFailure {
  readonly code: DynamoErrorCode;
  readonly message: string;
}

/** Bytes of the inference process. */
export interface ProcessMemory {
  readonly resident: number;
  /** Of V8's heap, used. */
  readonly heap: number;
}

export type ToInference =
  /** `beat`: milliseconds between two signs of life. */
  | { readonly kind: "open"; readonly settings: InferenceSettings; readonly beat: number }
  | { readonly kind: "submit"; readonly id: number; readonly request: PreparedRequest }
  | { readonly kind: "cancel"; readonly id: number }
  | { readonly kind: "close"; readonly now: boolean };

export type FromInference =
  | { readonly kind: "ready"; readonly model: ServedModel }
  | { readonly kind: "failed"; readonly error: InferenceFailure }
  /** A sign of life of a process that is ready. */
  | { readonly kind: "alive"; readonly memory: ProcessMemory }
  /** The request has its place. */
  | { readonly kind: "taken"; readonly id: number }
  | { readonly kind: "chunk"; readonly id: number; readonly chunk: InferenceChunk }
  | { readonly kind: "end"; readonly id: number; readonly end: InferenceEnd }
  | { readonly kind: "error"; readonly id: number; readonly error: InferenceFailure }
  | { readonly kind: "pass"; readonly pass: PassReport; readonly state: EngineState }
  /** Nobody is left. */
  | { readonly kind: "idle"; readonly state: EngineState };
