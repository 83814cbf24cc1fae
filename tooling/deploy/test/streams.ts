/** Streamed completions, read event by event. */
import { EventSourceParserStream } from "eventsource-parser/stream";
import { key } from "./replica.js";

export interface StreamResult {
  readonly status: number;
  /** What the server says in x-request-id; nginx logs it with the replica's address. */
  readonly requestId: string;
  readonly text: string;
  /** It came to its [DONE]. */
  readonly done: boolean;
}

export interface StreamOptions {
  readonly seed: number;
  readonly tokens: number;
  /** The stream's first text has come. */
  readonly onFirst?: () => void;
}

export const requestText = (address: string, { seed, tokens }: StreamOptions, stream: boolean): Promise<Response> =>
  fetch(`${address}/v1/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "stories", prompt: "Once upon a time", max_tokens: tokens, seed, stream }),
  });

/** A connection that breaks in the middle is a result as well: `done` is false. */
export async function streamText(address: string, options: StreamOptions): Promise<StreamResult> {
  const response = await requestText(address, options, true);
  const head = { status: response.status, requestId: response.headers.get("x-request-id") ?? "" };
  let text = "";
  try {
    const events = (response.body as ReadableStream<Uint8Array<ArrayBuffer>>)
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream());
    for await (const { data } of events) {
      if (data === "[DONE]") return { ...head, text, done: true };
      text += (JSON.parse(data) as { choices?: { text: string }[] }).choices?.[0]?.text ?? "";
      options.onFirst?.();
    }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  return { ...head, text, done: false };
}
