/** How the hub is reached: its address, a token for it, and a request that carries the token to nobody else. */
import { abortedError, DynamoError } from "@dynamo/core";
import { statusError, TransientError } from "./status-error.js";

/** The hub, as one caller reaches it. */
export interface HubAccess {
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly token: string | undefined;
  readonly fetch: typeof globalThis.fetch;
  readonly signal: AbortSignal | undefined;
  /**
   * `manual`: redirects are followed here, and the hub's own headers are seen. Browsers cannot; they take the token off at
   * another origin themselves.
   */
  readonly redirect: "manual" | "follow";
  /** Resolves after so many milliseconds, or when the signal fires. */
  readonly wait: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>;
}

export interface HubResponse {
  readonly response: Response;
  /** What the hub itself said of a file before it sent us on to its store: `X-Linked-Etag`, or its ETag. */
  readonly linkedEtag: string | undefined;
}

const mostRedirects = 8;
const redirects = [301, 302, 303, 307, 308];

/** Ways of the hub that a message may name; the store's addresses are signed, and their query is a key. */
export const withoutQuery = (address: string | URL): string => {
  const { origin, pathname } = new URL(address);
  return `${origin}${pathname}`;
};

/**
 * A GET. The token goes to the endpoint's origin alone. Throws `TransientError` for what may be better later, and what
 * `statusError` says of every other status than 2xx and 416.
 */
export async function hubRequest(
  address: string,
  access: HubAccess,
  headers: Readonly<Record<string, string>> = {},
): Promise<HubResponse> {
  const home = new URL(access.endpoint).origin;
  let url = new URL(address);
  let trusted = url.origin === home;
  let linkedEtag: string | undefined;
  for (let hop = 0; hop <= mostRedirects; hop++) {
    const authorization =
      trusted && access.token !== undefined ? { Authorization: `Bearer ${access.token}` } : undefined;
    const response = await request(url, access, { ...headers, ...authorization });
    // A browser has followed redirects by itself, and has taken the token off on its way to another origin.
    if (access.redirect === "follow" && response.url !== "") url = new URL(response.url);
    trusted &&= url.origin === home;
    linkedEtag ??= etagOf(response.headers, trusted);
    if (!redirects.includes(response.status)) {
      if (response.ok || response.status === 416) return { response, linkedEtag };
      const error = statusError(response, { address: withoutQuery(url), token: access.token !== undefined, trusted });
      await response.body?.cancel().catch(() => undefined);
      throw error;
    }
    await response.body?.cancel().catch(() => undefined);
    url = next(url, response.headers.get("Location"));
    // Whoever it was sent to once does not get it back from there.
    trusted &&= url.origin === home;
  }
  throw new DynamoError("runtime", `${withoutQuery(address)}: more than ${mostRedirects} redirects`);
}

function next(from: URL, location: string | null): URL {
  const to = location !== null && URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (to === undefined || !/^https?:$/.test(to.protocol)) {
    const received = to === undefined ? "none" : `one of ${to.protocol}`;
    throw new DynamoError(
      "runtime",
      `${withoutQuery(from)}: expected a redirect to an address of http or https, received ${received}`,
    );
  }
  if (from.protocol === "https:" && to.protocol !== "https:") {
    throw new DynamoError(
      "runtime",
      `${withoutQuery(from)}: a redirect from https to http, at ${to.host}, is not followed`,
    );
  }
  return to;
}

async function request(url: URL, access: HubAccess, headers: Record<string, string>): Promise<Response> {
  const { fetch, signal, redirect } = access;
  try {
    return await fetch(url.href, { headers, redirect, ...(signal === undefined ? {} : { signal }) });
  } catch (cause) {
    throw networkError(url, signal, cause);
  }
}

export function networkError(address: string | URL, signal: AbortSignal | undefined, cause: unknown): DynamoError {
  if (signal?.aborted === true) return abortedError(signal);
  return new TransientError(
    `${withoutQuery(address)} cannot be loaded: no network, or the server refuses (${reason(cause)})`,
    { cause },
  );
}

/** Node says "fetch failed"; why stands in the cause. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { readonly code?: unknown };
  const message = error.message === "" && typeof code === "string" ? code : error.message;
  return error.cause instanceof Error ? `${message}: ${reason(error.cause)}` : message;
}

function etagOf(headers: Headers, fromHub: boolean): string | undefined {
  const tag = headers.get("X-Linked-Etag") ?? (fromHub ? headers.get("ETag") : null);
  return tag?.replace(/^W\//, "").replace(/^"(.*)"$/, "$1");
}

/** Times that something may fail without progress, and the first pause; each further one is twice as long. */
const patience = 4;
const pause = 500;
/** A server that asks for a longer pause gets none: its answer is the error. */
const longestPause = 60_000;

/** Tries again what may be better later. `progress`: changes when a failed try has brought something. */
export async function withRetries<Value>(
  { wait, signal }: HubAccess,
  attempt: () => Promise<Value>,
  progress: () => number = () => 0,
): Promise<Value> {
  for (let failures = 0; ;) {
    const before = progress();
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      failures = progress() > before ? 1 : failures + 1;
      const milliseconds = error.retryAfter ?? pause * 2 ** (failures - 1);
      if (failures > patience || milliseconds > longestPause) throw error;
      await wait(milliseconds, signal);
      if (signal?.aborted === true) throw abortedError(signal);
    }
  }
}
