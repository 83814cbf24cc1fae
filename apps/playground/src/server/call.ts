/** Requests to a server: its refusals and failures in words for the visitor. */
import { DynamoError } from "@dynamo/core";
import { errorMessage } from "@dynamo/protocol";

export interface ServerTarget {
  /** Ends in /v1. */
  readonly address: string;
  /** Only ever sent to this address. */
  readonly key: string | undefined;
}

/** Whole answers are lists of models and errors: more than this is neither. */
const mostBytes = 4 * 2 ** 20;

/** GET without a body, POST with one. Rejects with `runtime` when the server cannot be reached or refuses. */
export async function callServer(
  { address, key }: ServerTarget,
  path: string,
  { body, signal }: { readonly body?: object; readonly signal: AbortSignal },
): Promise<Response> {
  const response = await fetch(`${address}${path}`, {
    ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
    headers: {
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...(key === undefined ? {} : { Authorization: `Bearer ${key}` }),
    },
    signal,
    cache: "no-store",
    credentials: "omit",
    referrerPolicy: "no-referrer",
    // The key is for this address, and for no other that it points to.
    redirect: "error",
  }).catch((cause: unknown) => {
    if (signal.aborted) throw cause;
    throw new DynamoError(
      "runtime",
      `${address} cannot be reached: is the server running, and does it let pages from ${location.origin} in (CORS)?`,
      { cause },
    );
  });
  if (!response.ok) throw await refusal(response, address, key);
  return response;
}

async function refusal(response: Response, address: string, key: string | undefined): Promise<DynamoError> {
  const text = await readText(response).catch(() => "");
  const said = messageIn(text);
  const { status } = response;
  const why =
    status === 401 || status === 403
      ? key === undefined
        ? `the server asks for an API key (${status})`
        : `the server refuses this API key (${status})`
      : `${address} answers with status ${status}`;
  return new DynamoError("runtime", said === undefined ? why : `${why}: ${said}`);
}

function messageIn(text: string): string | undefined {
  try {
    return errorMessage(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** A whole answer. Rejects with `runtime` when it is longer than any that is expected. */
export async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of chunksOf(response)) {
    bytes += chunk.length;
    if (bytes > mostBytes) throw new DynamoError("runtime", `the server's answer is longer than ${mostBytes} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** The body as it comes; left early, the request ends. Not every browser's streams are iterable. */
export async function* chunksOf({ body }: Response): AsyncGenerator<Uint8Array, void> {
  const reader = body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
