/** How a token is written in an answer: its text, and where it is no whole text, its bytes, name or id. */
import type { WireToken } from "../inference/messages.js";

/** The token's text; undefined for half a character and for tokens without text. */
function textOf({ bytes }: WireToken): string | undefined {
  if (bytes.length === 0) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
  } catch {
    return undefined;
  }
}

const escaped = (bytes: readonly number[]): string =>
  bytes.map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");

/** As OpenAI's /v1/chat/completions: half a character as its bytes, beside which `bytes` has them as numbers. */
export const chatToken = (token: WireToken): string =>
  textOf(token) ?? (token.bytes.length === 0 ? token.name : escaped(token.bytes));

/** As OpenAI's /v1/completions, which has no other place for bytes. */
export const completionToken = (token: WireToken): string =>
  textOf(token) ?? (token.bytes.length === 0 ? token.name : `bytes:${escaped(token.bytes)}`);

/** By the tokens as completions write them; a less likely one of the same text has its id, as in vLLM's answers. */
export function byToken(tokens: readonly WireToken[]): Record<string, number | null> {
  const values = new Map<string, number | null>();
  for (const token of tokens) {
    const text = completionToken(token);
    values.set(values.has(text) ? `token_id:${token.id}` : text, token.logprob ?? null);
  }
  return Object.fromEntries(values);
}
