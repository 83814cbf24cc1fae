/** An OpenAI-compatible endpoint, asked one question at a time, with waits that it asks for. */
import { setTimeout as delay } from "node:timers/promises";
import { DynamoError, throwIfAborted } from "@dynamo/core";
import { array, looseObject, number, string } from "zod";

export interface EndpointOptions {
  /** Such as http://127.0.0.1:8080/v1. */
  readonly url: string;
  readonly model: string;
  /** `completions` is for models without a chat template. Default `chat`. */
  readonly api?: "chat" | "completions" | undefined;
  readonly apiKey?: string | undefined;
  /** How often a call that failed for now (429, 503, a lost connection) is made again. Default 6. */
  readonly retries?: number | undefined;
  /** Of a call. Default 300. */
  readonly timeoutSeconds?: number | undefined;
  /** For tests. */
  readonly wait?: ((milliseconds: number, signal: AbortSignal) => Promise<void>) | undefined;
}

export interface Question {
  readonly system: string;
  readonly user: string;
  readonly temperature: number;
  readonly maxTokens: number;
}

export interface Answer {
  readonly text: string;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

export interface Endpoint {
  /**
   * Throws `busy` when it was told to come back more often than it may, `unsupported` for what the endpoint refuses,
   * `runtime` for an answer that is none, `aborted`.
   */
  ask(question: Question, signal: AbortSignal): Promise<Answer>;
}

/** An explanation and a verdict have a few kilobytes. */
const mostAnswerBytes = 8 * 2 ** 20;
/** A longer wait than this is not waited for. */
const longestWaitSeconds = 600;

const usage = looseObject({ prompt_tokens: number().optional(), completion_tokens: number().optional() }).nullish();
const chatAnswer = looseObject({
  choices: array(looseObject({ message: looseObject({ content: string().nullish() }) })).min(1),
  usage,
});
const textAnswer = looseObject({ choices: array(looseObject({ text: string() })).min(1), usage });

/** The package of clients is loaded here: who asks no judge does not wait for it. */
export async function openEndpoint(options: EndpointOptions): Promise<Endpoint> {
  const { url, model, api = "chat", apiKey = "none", retries = 6, timeoutSeconds = 300, wait = waitFor } = options;
  const { default: OpenAI } = await import("openai");
  const client = new OpenAI({
    baseURL: url,
    apiKey,
    timeout: timeoutSeconds * 1000,
    maxRetries: 0,
    fetch: fetchCapped,
  });
  async function once(question: Question, caller: AbortSignal): Promise<unknown> {
    const { system, user, temperature, maxTokens } = question;
    const common = { model, temperature, max_tokens: maxTokens };
    // The client never takes its listener off the signal that it is given: each call has a signal of its own.
    const signal = AbortSignal.any([caller]);
    if (api === "completions")
      return client.completions.create({ ...common, prompt: `${system}\n\n${user}\n\n` }, { signal });
    const messages = [
      ...(system === "" ? [] : [{ role: "system" as const, content: system }]),
      { role: "user" as const, content: user },
    ];
    return client.chat.completions.create({ ...common, messages }, { signal });
  }
  return {
    async ask(question, signal) {
      for (let failures = 0; ; failures++) {
        throwIfAborted(signal);
        try {
          return answerOf(await once(question, signal), url);
        } catch (cause) {
          if (DynamoError.is(cause)) throw cause;
          throwIfAborted(signal);
          const milliseconds = waitAfter(cause, failures);
          if (milliseconds === undefined || failures >= retries) throw asDynamoError(cause, url, failures);
          await wait(milliseconds, signal);
        }
      }
    },
  };
}

function answerOf(body: unknown, url: string): Answer {
  const chat = chatAnswer.safeParse(body).data;
  const text = textAnswer.safeParse(body).data;
  const used = (chat ?? text)?.usage;
  const tokens = { promptTokens: used?.prompt_tokens ?? 0, completionTokens: used?.completion_tokens ?? 0 };
  if (chat !== undefined) return { text: chat.choices[0]?.message.content ?? "", ...tokens };
  if (text !== undefined) return { text: text.choices[0]?.text ?? "", ...tokens };
  throw new DynamoError("runtime", `${url}: expected an answer with choices, received another JSON`);
}

interface Failure {
  readonly status?: number | undefined;
  readonly headers?: Headers | undefined;
  readonly message?: string;
}

/** Undefined for what asking again would not mend. Without a wait of the endpoint's own: ½, 1, 2, … 32 seconds. */
function waitAfter(error: unknown, failures: number): number | undefined {
  const { status, headers } = error as Failure;
  // No status: the connection was refused, lost or too slow.
  const passing = status === undefined || status === 408 || status === 429 || status >= 500;
  if (!passing) return undefined;
  const asked = retryAfterSeconds(headers?.get("retry-after") ?? null);
  if (asked !== undefined) return asked <= longestWaitSeconds ? asked * 1000 : undefined;
  return Math.min(32_000, 500 * 2 ** failures);
}

/** Of seconds, or of a date. */
function retryAfterSeconds(header: string | null): number | undefined {
  if (header === null || header.trim() === "") return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const until = (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(until) ? Math.max(0, until) : undefined;
}

function asDynamoError(cause: unknown, url: string, failures: number): DynamoError {
  const { status, message = String(cause) } = cause as Failure;
  const times = failures === 0 ? "" : ` (asked ${failures + 1} times)`;
  const code =
    status === undefined
      ? "runtime"
      : status === 429 || status === 503
        ? "busy"
        : status < 500
          ? "unsupported"
          : "runtime";
  return new DynamoError(code, `the judge at ${url}: ${message}${times}`, { cause });
}

const waitFor = async (milliseconds: number, signal: AbortSignal): Promise<void> => {
  await delay(milliseconds, undefined, { signal }).catch(() => throwIfAborted(signal));
};

/** An endpoint is not trusted to end. */
const fetchCapped: typeof fetch = async (input, init) => {
  const response = await fetch(input, init);
  let bytes = 0;
  const cap = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.length;
      if (bytes > mostAnswerBytes)
        controller.error(
          new DynamoError("runtime", `the judge's answer is too long: expected at most ${mostAnswerBytes} bytes`),
        );
      else controller.enqueue(chunk);
    },
  });
  const { status, statusText, headers } = response;
  return new Response(response.body?.pipeThrough(cap) ?? null, { status, statusText, headers });
};
