/** A server's model as what writes passes: its stream tells each one. */
import { DynamoError } from "@dynamo/core";
import {
  fromWireCandidates,
  parseStreamEvent,
  type ChatRequest,
  type CompletionRequest,
  type ListedModel,
  type StreamKind,
  type WirePass,
} from "@dynamo/protocol";
import type { Pass } from "../passes/pass.js";
import type { PassOptions, PassSource } from "../passes/pass-source.js";
import { dynamoOptionsOf } from "../passes/strategy-of.js";
import { callServer, type ServerTarget } from "./call.js";
import { eventsOf } from "./events.js";

export function serverSource(target: ServerTarget, model: ListedModel): PassSource {
  /** Only the server has the tokenizer: these are the tokens that its passes named. */
  const labels = new Map<number, string>();

  async function* passes(
    kind: StreamKind,
    body: CompletionRequest | ChatRequest,
    { length, signal }: PassOptions,
  ): AsyncGenerator<Pass, void> {
    const path = kind === "chat" ? "/chat/completions" : "/completions";
    let received = 0;
    for await (const data of eventsOf(await callServer(target, path, { body, signal }))) {
      const event = parseStreamEvent(kind, data);
      if (event === "done") return;
      const { text, pass } = event;
      if (pass === undefined) {
        if (text === "") continue;
        throw new DynamoError(
          "runtime",
          `${target.address} is no DynaMo server: expected each chunk of its stream to tell its pass, received text alone`,
        );
      }
      // Each pass has a token at least: a server that sends more has not understood the request.
      if (++received > length) throw new DynamoError("runtime", `expected ${length} tokens, the server sends more`);
      remember(pass, labels);
      yield passOf(text, pass);
    }
    throw new DynamoError("runtime", "the server's stream ended before the text was whole");
  }

  return {
    remote: true,
    heads: model.dynamo?.tokenHeads ?? 1,
    decode: (ids) => Array.from(ids, (id) => labels.get(id) ?? `#${id}`).join(""),
    write: ({ prompt, ...options }) => passes("completion", { ...bodyOf(model.id, options), prompt }, options),
    // A server that does not say so finds it out itself.
    answer:
      model.dynamo?.chat === false
        ? undefined
        : ({ messages, onDropped: _, ...options }) =>
            passes("chat", { ...bodyOf(model.id, options), messages: messages.map(knownRole) }, options),
  };
}

function bodyOf(model: string, { settings, length, seed }: PassOptions): Omit<CompletionRequest, "prompt"> {
  const { strategy, joint, backoff, maskStrength, adaptive, blur } = settings;
  if (strategy === "plugin") {
    throw new DynamoError(
      "unsupported",
      "a server runs no strategy of your own: choose dynamo, verified or autoregressive",
    );
  }
  return {
    model,
    max_tokens: length,
    temperature: settings.temperature,
    top_k: settings.topK,
    // Undefined is not sent: then the server's model says.
    top_p: settings.topP,
    min_p: settings.minP,
    typical_p: settings.typicalP,
    repetition_penalty: settings.penalty,
    presence_penalty: settings.presencePenalty,
    frequency_penalty: settings.frequencyPenalty,
    logit_bias: settings.logitBias,
    seed,
    stream: true,
    dynamo: { strategy, ...dynamoOptionsOf({ joint, backoff, maskStrength, adaptive, blur }), trace: true },
  };
}

const knownRole = ({ role, content }: { role: string; content: string }): ChatRequest["messages"][number] => ({
  role: role === "assistant" || role === "system" ? role : "user",
  content,
});

function remember({ tokens, positions }: WirePass, labels: Map<number, string>): void {
  for (const { id, text } of [...tokens, ...positions.flat(2)]) labels.set(id, text);
}

/** As a pass in this page, but for what is needed to decide it anew: the server keeps that. */
function passOf(text: string, { index, order, seconds, tokens, accepted, positions, orders }: WirePass): Pass {
  return {
    index,
    text,
    tokens: tokens.map(({ id }) => id),
    order,
    seconds,
    step: {
      positions: positions.map((heads) => heads.map(fromWireCandidates)),
      drafted: accepted,
      accepted,
      context: new Int32Array(),
      draws: [],
      remaining: 0,
      trace: orders,
    },
  };
}
