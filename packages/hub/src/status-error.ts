/** What the hub's HTTP statuses mean, and what a person can do about them. */
import { DynamoError, type DynamoErrorCode } from "@dynamo/core";

/** May be better later: broken connections, 429, 5xx. */
export class TransientError extends DynamoError {
  /** Milliseconds, as the server asks. */
  readonly retryAfter: number | undefined;

  constructor(message: string, { code = "runtime", retryAfter, cause }: TransientDetails = {}) {
    super(code, message, { cause });
    this.retryAfter = retryAfter;
  }
}

interface TransientDetails {
  readonly code?: DynamoErrorCode;
  readonly retryAfter?: number | undefined;
  readonly cause?: unknown;
}

export interface Asked {
  /** Without a query. */
  readonly address: string;
  readonly token: boolean;
  /** The hub itself answered, not the store that it sent us to. */
  readonly trusted: boolean;
}

/** The hub's words reach the terminal: cut, and without control characters. */
const longestWords = 300;
const wordsOf = (headers: Headers): string | undefined =>
  headers
    .get("X-Error-Message")
    ?.replace(/\p{Cc}/gu, " ")
    .slice(0, longestWords);

const setToken = "set HF_TOKEN to a token of https://huggingface.co/settings/tokens";

/** The error for a status that is not 2xx. */
export function statusError(response: Response, asked: Asked): DynamoError {
  const { status, headers } = response;
  const words = wordsOf(headers);
  const says = words === undefined ? "" : ` The hub says: ${words}`;
  if (status === 429) return tooMany(headers, asked, says);
  if (status === 408 || status >= 500) {
    return new TransientError(`${asked.address}: the server failed (HTTP status ${status}).${says}`, {
      retryAfter: retryAfter(headers),
    });
  }
  if (!asked.trusted && (status === 401 || status === 403)) {
    // The address of a file in the store is signed for some minutes; the next try gets a new one.
    return new TransientError(`${asked.address}: the store of the hub's files refuses the address (${status})`);
  }
  if (headers.get("X-Error-Code") === "GatedRepo") return gated(asked, says);
  if (status === 401 || status === 403) return refused(status, headers, asked, says);
  if (status === 404 || status === 410) return absent(headers, asked, says);
  return new DynamoError("runtime", `${asked.address}: expected the file, received HTTP status ${status}.${says}`);
}

function gated({ address, token }: Asked, says: string): DynamoError {
  const way = token
    ? "open its page, accept its conditions with the account of your token, and see that the token may read gated models"
    : `open its page and accept its conditions, then ${setToken}`;
  return new DynamoError("invalid-argument", `${address}: the model is gated: ${way}.${says}`);
}

function refused(status: number, headers: Headers, { address, token }: Asked, says: string): DynamoError {
  // The hub does not tell strangers whether a private model exists.
  if (!token || headers.get("X-Error-Code") === "RepoNotFound") {
    const way = token ? "your token must be allowed to read it" : setToken;
    return new DynamoError(
      "not-found",
      `${address}: the hub has no such model, or it is private: look at the id; for a private model ${way}.${says}`,
    );
  }
  return new DynamoError(
    "invalid-argument",
    `${address}: the hub refuses the token (HTTP status ${status}): ${setToken} that may read this model.${says}`,
  );
}

function absent(headers: Headers, { address }: Asked, says: string): DynamoError {
  const what: Readonly<Record<string, string>> = {
    RevisionNotFound: "the model has no such revision: expected a branch, a tag or a commit",
    EntryNotFound: "the model has no such file",
    RepoNotFound: "the hub has no such model, or it is private",
  };
  const found = what[headers.get("X-Error-Code") ?? ""] ?? "the server has nothing there";
  return new DynamoError("not-found", `${address}: ${found}.${says}`);
}

function tooMany(headers: Headers, { address, token }: Asked, says: string): DynamoError {
  const after = retryAfter(headers);
  const when = after === undefined ? "try again later" : `try again in ${Math.ceil(after / 1000)} s`;
  const more = token ? "" : "; with a token (HF_TOKEN) the hub allows more";
  return new TransientError(`${address}: too many requests (HTTP status 429): ${when}${more}.${says}`, {
    code: "busy",
    retryAfter: after,
  });
}

/** Milliseconds of Retry-After, in seconds or as a date. */
function retryAfter(headers: Headers): number | undefined {
  const value = headers.get("Retry-After");
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}
