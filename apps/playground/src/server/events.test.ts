import { mostEventCharacters } from "@dynamo/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eventsOf } from "./events.js";

/** A stream that arrives in these pieces; it fails at its end when `broken`. */
function response(pieces: readonly Uint8Array[], { type = "text/event-stream", broken = false } = {}): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      if (broken) controller.error(new TypeError("network error"));
      else controller.close();
    },
  });
  return new Response(body, { headers: { "Content-Type": type } });
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function collect(each: Response): Promise<string[]> {
  const events: string[] = [];
  for await (const data of eventsOf(each)) events.push(data);
  return events;
}

describe("a server's events", () => {
  it("are the same however the stream is cut", async () => {
    const text =
      'data: {"a":"é 🐢"}\r\n\r\n: a comment\n\nevent: x\nid: 3\nodd: field\ndata: two\ndata: lines\n\ndata: [DONE]\n\n';
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(bytes(text).length), { maxLength: 8 }), async (places) => {
        const cuts = [0, ...places.sort((a, b) => a - b), bytes(text).length];
        const pieces = cuts.slice(1).map((cut, i) => bytes(text).slice(cuts[i], cut));
        expect(await collect(response(pieces))).toEqual(['{"a":"é 🐢"}', "two\nlines", "[DONE]"]);
      }),
    );
  });

  it("come as they arrive, and leaving them ends the request", async () => {
    let cancelled = false;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(bytes("data: 1\n\n")),
      cancel: () => {
        cancelled = true;
      },
    });
    for await (const data of eventsOf(new Response(body, { headers: { "Content-Type": "text/event-stream" } }))) {
      expect(data).toBe("1");
      break;
    }
    expect(cancelled).toBe(true);
  });

  it("are refused where there are none, without an end, or broken off", async () => {
    await expect(collect(response([bytes("{}")], { type: "application/json" }))).rejects.toThrow(
      /expected the server to stream text\/event-stream, received application\/json/,
    );
    const endless = bytes(`data: ${"x".repeat(mostEventCharacters)}`);
    await expect(collect(response([endless, endless]))).rejects.toThrow(/an event without an end/);
    await expect(collect(response([bytes("data: 1\n\n")], { broken: true }))).rejects.toThrow(/broke off/);
  });
});
