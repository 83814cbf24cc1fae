/** A conversation with a model: each message is answered with what was said before. */
import { DynamoError, type Strategy } from "@dynamo/core";
import { generate, type GenerationChunk, type GenerationResult } from "@dynamo/decode";
import { chatPrompt, hasChatTemplate, type LoadedModel } from "@dynamo/model";
import type { ChatMessage } from "@dynamo/tokenizer";

export interface ChatSettings {
  readonly strategy: Strategy;
  readonly maxNewTokens: number;
  readonly stop: readonly string[];
  readonly system: string | undefined;
  readonly seed: number | undefined;
}

export interface Answer {
  readonly text: string;
  /** Messages of before that did not fit any more. */
  readonly dropped: number;
  /** Undefined when the signal stopped it: `text` is what there was by then. */
  readonly result: GenerationResult | undefined;
}

export interface AnswerOptions {
  readonly signal: AbortSignal;
  readonly onChunk?: (chunk: GenerationChunk) => void;
  readonly onDropped?: (messages: number) => void;
}

export interface ChatSession {
  /** Answers, and remembers both. Throws `invalid-argument` for a message that the context has no room for. */
  say(content: string, options: AnswerOptions): Promise<Answer>;
  /** Answers a whole conversation; the session's own stays as it is. */
  answer(messages: readonly ChatMessage[], options: AnswerOptions): Promise<Answer>;
  /** Forgets what was said. */
  reset(): void;
}

/** Throws `unsupported` for a model without a chat template. */
export function createChatSession(model: LoadedModel, name: string, settings: ChatSettings): ChatSession {
  checkTemplate(model, name);
  const beginning: readonly ChatMessage[] =
    settings.system === undefined ? [] : [{ role: "system", content: settings.system }];
  let said = beginning;
  const answer: ChatSession["answer"] = (messages, options) => answerOf(model, messages, settings, options);
  return {
    async say(content, options) {
      const asked = [...said, { role: "user", content }];
      const given = await answer(asked, options);
      said = [...asked, { role: "assistant", content: given.text.trim() }];
      return given;
    },
    answer: (messages, options) =>
      answer(messages[0]?.role === "system" ? messages : [...beginning, ...messages], options),
    reset() {
      said = beginning;
    },
  };
}

function checkTemplate(model: LoadedModel, name: string): void {
  if (hasChatTemplate(model)) return;
  throw new DynamoError(
    "unsupported",
    `${name} is no chat model: expected a chat template (chat_template in tokenizer_config.json, or chat_template.jinja); tune one with \`dynamo data prepare-chat\` and \`dynamo train\`, or use \`dynamo generate\``,
  );
}

async function answerOf(
  model: LoadedModel,
  messages: readonly ChatMessage[],
  { strategy, maxNewTokens, stop, seed }: ChatSettings,
  { signal, onChunk, onDropped }: AnswerOptions,
): Promise<Answer> {
  const { tokens, dropped } = chatPrompt(model, messages, { maxNewTokens });
  if (dropped > 0) onDropped?.(dropped);
  const generation = generate(model, tokens, {
    strategy,
    maxNewTokens,
    seed,
    beginOfText: false,
    stop: stop.length === 0 ? {} : { strings: stop },
    signal,
  });
  let text = "";
  try {
    for await (const chunk of generation) {
      text += chunk.text;
      onChunk?.(chunk);
    }
    return { text, dropped, result: await generation };
  } catch (error) {
    if (!DynamoError.is(error) || error.code !== "aborted") throw error;
    return { text, dropped, result: undefined };
  }
}
