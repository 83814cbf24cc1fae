/** A response's server-sent events. */
import { DynamoError } from "@dynamo/core";
import { mostEventCharacters } from "@dynamo/protocol";
import { createParser, type ParseError } from "eventsource-parser";
import { chunksOf } from "./call.js";

/** Each event's data. Rejects with `runtime` for an answer that is no stream, or whose connection breaks off. */
export async function* eventsOf(response: Response): AsyncGenerator<string, void> {
  const type = response.headers.get("Content-Type") ?? "nothing";
  if (!type.startsWith("text/event-stream")) {
    await response.body?.cancel();
    throw new DynamoError("runtime", `expected the server to stream text/event-stream, received ${type.slice(0, 100)}`);
  }
  const events: string[] = [];
  let failure: ParseError | undefined;
  const parser = createParser({
    maxBufferSize: mostEventCharacters,
    onEvent: ({ data }) => events.push(data),
    onError: (error) => {
      // Fields that the standard does not know are to be ignored.
      if (error.type === "max-buffer-size-exceeded") failure = error;
    },
  });
  const decoder = new TextDecoder();
  for await (const chunk of brokenOff(chunksOf(response))) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    yield* events.splice(0);
    if (failure !== undefined) throw new DynamoError("runtime", "the server's stream has an event without an end");
  }
}

/** A lost connection in words. */
async function* brokenOff<Chunk>(chunks: AsyncGenerator<Chunk, void>): AsyncGenerator<Chunk, void> {
  try {
    yield* chunks;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new DynamoError("runtime", "the connection to the server broke off", { cause });
  }
}
