/** What a chat sends to the model: the messages that fit, the newest ones for certain. */
import { DynamoError } from "@dynamo/core";
import {
  callback,
  checkOptions,
  checkValue,
  isPlainObject,
  listOf,
  required,
  valueCheck,
  whole,
  type OptionChecks,
} from "@dynamo/core/options";
import type { ChatMessage } from "./chat-template.js";

/** How a conversation is rendered and counted. */
export interface FitOptions {
  readonly template: (messages: readonly ChatMessage[]) => string;
  /** Tokens of a text. */
  readonly count: (text: string) => number;
  /** A lower bound of them that costs little: texts that it finds too long are not counted. Default: none. */
  readonly least?: ((text: string) => number) | undefined;
  /** Tokens that the prompt may have. */
  readonly limit: number;
}

const optionChecks: OptionChecks<FitOptions> = {
  template: required(callback()),
  count: required(callback()),
  least: callback(),
  limit: required(whole(0)),
};
const messagesCheck = listOf(
  valueCheck<ChatMessage>("", (value) => isPlainObject(value) && typeof (value as ChatMessage).content === "string"),
  "a list of messages { role, content }, each content a text",
);

/** The part of a conversation that fits. */
export interface FittedPrompt {
  readonly prompt: string;
  /** The messages that are in it. */
  readonly messages: readonly ChatMessage[];
  /** Messages left out: the oldest ones, the system's excepted. */
  readonly dropped: number;
}

/**
 * Characters that a token is taken to have at most, where no lower bound of the tokenizer's says more: older turns are left out
 * before any template sees them, and a longer prompt is refused. Texts have three or four characters per token.
 */
export const mostCharactersPerToken = 256;

/**
 * Leaves out whole turns from the oldest on, a question with its answer, until the rest fits; the system's message stays.
 * A conversation of more turns than the prompt may have tokens is not rendered as a whole: its ends are, of twice as many turns each
 * time, until one does not fit, and then some between the last two. So the work grows with the limit and not with the conversation.
 * A template is taken to write more for more turns.
 * Throws `context-length` when the last question alone is too long.
 */
export function fitConversation(all: readonly ChatMessage[], options: FitOptions): FittedPrompt {
  checkValue("messages", all, messagesCheck);
  checkOptions("fitConversation()", options, optionChecks);
  const ends = endsOf(all, options.limit * mostCharactersPerToken);
  const attempt = (messages: readonly ChatMessage[]): Attempt => attemptOf(messages, options);
  let tooMany = ends.count + 1;
  if (ends.count <= options.limit) {
    const whole = attempt(ends.longest(ends.count));
    if (whole.fits || ends.count === 1) return fitted(whole, all, options);
    tooMany = ends.count;
  }
  const most = tooMany;
  let best = attempt(ends.longest(1));
  let turns = 1;
  for (let step = 1; best.fits && tooMany - turns > 1; step *= 2) {
    const between = tooMany < most || turns + step >= tooMany;
    const next = between ? Math.floor((turns + tooMany) / 2) : turns + step;
    const tried = attempt(ends.longest(next));
    if (!tried.fits) tooMany = next;
    else [best, turns] = [tried, next];
  }
  return fitted(best, all, options);
}

interface Ends {
  /** Turns that a prompt may have. */
  readonly count: number;
  /** The system's message, and the last turns: at least one. */
  longest(turns: number): readonly ChatMessage[];
}

/** Ends of a conversation that begin with a question, of at most so many characters but for the last one. */
function endsOf(all: readonly ChatMessage[], characters: number): Ends {
  const system = all[0]?.role === "system" ? all.slice(0, 1) : [];
  const turns = all.slice(system.length);
  let left = characters - (system[0]?.content.length ?? 0);
  /** Where ends begin, the shortest first. */
  const starts: number[] = [];
  for (let i = turns.length - 1; i >= 0 && (left >= 0 || starts.length === 0); i--) {
    left -= (turns[i] as ChatMessage).content.length;
    if ((i === 0 || turns[i]?.role === "user") && (left >= 0 || starts.length === 0)) starts.push(i);
  }
  return {
    count: Math.max(1, starts.length),
    longest: (count) => [...system, ...turns.slice(starts[count - 1] ?? 0)],
  };
}

interface Attempt {
  readonly messages: readonly ChatMessage[];
  readonly prompt: string;
  /** At least: a text far too long is not counted. */
  readonly tokens: number;
  readonly counted: boolean;
  readonly fits: boolean;
}

function attemptOf(messages: readonly ChatMessage[], { template, count, least, limit }: FitOptions): Attempt {
  const prompt = template(messages);
  const lower = prompt.length > limit ? leastOf(prompt, least) : 0;
  const counted = lower <= limit;
  const tokens = counted ? count(prompt) : lower;
  return { messages, prompt, tokens, counted, fits: tokens <= limit };
}

/** Of a text that nobody should have to encode. */
const leastOf = (text: string, least: FitOptions["least"]): number =>
  Math.max(least?.(text) ?? 0, Math.ceil(text.length / mostCharactersPerToken));

function fitted(
  { messages, prompt, tokens, counted, fits }: Attempt,
  all: readonly ChatMessage[],
  { limit }: FitOptions,
): FittedPrompt {
  if (fits) return { prompt, messages, dropped: all.length - messages.length };
  const received = counted ? `${tokens}` : `at least ${tokens}`;
  throw new DynamoError(
    "context-length",
    `the message is too long for the model: expected at most ${limit} tokens with the system's, received ${received}`,
  );
}
