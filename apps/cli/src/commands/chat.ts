/** `dynamo chat`: a conversation in the terminal, over a pipe, or in JSON lines. */
import { createInterface, type Interface } from "node:readline";
import { DynamoError } from "@dynamo/core";
import { createChatSession, type Answer, type ChatSession } from "../chat/chat-session.js";
import { parseRequest } from "../chat/json-requests.js";
import { colourPass } from "../colours.js";
import { exitCodes } from "../exit-codes.js";
import type { Interrupts } from "../interrupt.js";
import { openModel } from "../open-model.js";
import { paint, paintError } from "../paint.js";
import { chooseStrategy } from "../strategies.js";
import type { ChatOptions } from "../schemas/text.js";

const help = `/reset  forget the conversation
/help   this
/exit   leave (Ctrl-D too)
Ctrl-C stops an answer; a second one, or one without an answer, leaves.`;

export async function chat(folder: string | undefined, options: ChatOptions, interrupts: Interrupts): Promise<void> {
  const { model, name, close } = await openModel(folder, options, interrupts.signal);
  try {
    const strategy = await chooseStrategy(options, model.info);
    const { maxNewTokens, stop = [], system, seed } = options;
    const session = createChatSession(model, name, { strategy, maxNewTokens, stop, system, seed });
    // From here on nothing waits before the lines are read: none is lost.
    const lines = createInterface({ input: process.stdin, output: process.stdout, terminal: isTerminal(options) });
    const stopper = stopAnswers(lines, interrupts);
    try {
      if (options.json) await answerJson(lines, session, stopper);
      else await converse(lines, session, stopper, isTerminal(options) ? name : undefined);
    } finally {
      lines.close();
    }
  } finally {
    await close();
  }
}

const isTerminal = ({ json }: ChatOptions): boolean => process.stdin.isTTY && process.stdout.isTTY && !json;

interface Stopper {
  /** Runs an answer that the next Ctrl-C stops. */
  answering<Result>(run: (signal: AbortSignal) => Promise<Result>): Promise<Result>;
  /** Ctrl-C said so. */
  readonly leaving: boolean;
  /** There are no more lines: Ctrl-C, Ctrl-D, or the input's end. */
  readonly ended: boolean;
}

/** Ctrl-C comes as the terminal's key or as a signal of the system; both do the same. */
function stopAnswers(lines: Interface, interrupts: Interrupts): Stopper {
  let answer: AbortController | undefined;
  let [leaving, ended] = [false, false];
  lines.once("close", () => {
    ended = true;
  });
  const interrupt = (): void => {
    if (answer?.signal.aborted === false) {
      answer.abort();
      return;
    }
    leaving = true;
    process.exitCode = exitCodes.interrupted;
    lines.close();
  };
  lines.on("SIGINT", interrupt);
  interrupts.redirect(interrupt);
  return {
    get leaving() {
      return leaving || interrupts.signal.aborted;
    },
    get ended() {
      return ended;
    },
    async answering(run) {
      answer = new AbortController();
      try {
        return await run(AbortSignal.any([answer.signal, interrupts.signal]));
      } finally {
        answer = undefined;
      }
    },
  };
}

/** `name` greets on a terminal; without it there are no prompts, and each line of input is a message. */
async function converse(
  lines: Interface,
  session: ChatSession,
  stopper: Stopper,
  name: string | undefined,
): Promise<void> {
  const prompt = (): void => {
    if (name !== undefined && !stopper.ended) lines.prompt();
  };
  if (name !== undefined) console.error(paintError.dim(`${name}; /help for what there is`));
  lines.setPrompt(paint.bold("> "));
  prompt();
  for await (const line of lines) {
    if (stopper.leaving) break;
    const text = line.trim();
    if (text === "/exit") break;
    if (text === "/help") console.log(help);
    else if (text === "/reset") {
      session.reset();
      console.error(paintError.dim("the conversation is forgotten"));
    } else if (text.startsWith("/")) console.error(`${text}: expected /reset, /help or /exit`);
    else if (text !== "") await answerText(session, text, stopper);
    prompt();
  }
}

async function answerText(session: ChatSession, text: string, stopper: Stopper): Promise<void> {
  try {
    const { result } = await stopper.answering((signal) =>
      session.say(text, {
        signal,
        onChunk: (chunk) => process.stdout.write(colourPass(chunk.text, chunk.tokens.length)),
        onDropped: (count) => console.error(paintError.dim(droppedNote(count))),
      }),
    );
    process.stdout.write("\n");
    if (result === undefined) console.error(paintError.dim("stopped"));
    else if (process.stderr.isTTY) {
      const { tokens, passes, tokensPerPass, tokensPerSecond } = result.statistics;
      const speed = `${tokensPerPass.toFixed(2)} tokens per pass, ${tokensPerSecond.toFixed(0)} tokens/s`;
      console.error(paintError.dim(`${tokens} tokens, ${passes} passes, ${speed}`));
    }
  } catch (error) {
    // A message that is too long ends no conversation.
    if (!DynamoError.is(error) || error.code !== "invalid-argument" || !process.stdin.isTTY) throw error;
    console.error(`${paintError.red("dynamo:")} ${error.message}`);
  }
}

const droppedNote = (count: number): string =>
  `the context is full: the oldest ${count} messages are left out from here on`;

async function answerJson(lines: Interface, session: ChatSession, stopper: Stopper): Promise<void> {
  let number = 0;
  for await (const line of lines) {
    number++;
    if (stopper.leaving) break;
    if (line.trim() === "") continue;
    const request = parseRequest(line, number);
    const answer = await stopper.answering((signal) =>
      "content" in request ? session.say(request.content, { signal }) : session.answer(request.messages, { signal }),
    );
    console.log(JSON.stringify(asJson(answer)));
  }
}

function asJson({ text, dropped, result }: Answer): object {
  const message = { role: "assistant", content: text.trim() };
  if (result === undefined) return { message, dropped, finishReason: "aborted" };
  const { finishReason, seed, tokens, statistics } = result;
  return { message, dropped, finishReason, seed, tokens, statistics };
}
