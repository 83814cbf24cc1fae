/** Tokens with their log-probabilities as the server hears of them. */
import type { TextStream } from "@dynamo/core";
import type { TokenLogprob } from "@dynamo/decode";
import type { LoadedModel } from "@dynamo/model";
import type { WireLogprob, WireToken } from "./messages.js";

/** Called with a text's tokens in their order: `stream` decodes them on its own, so that each has its characters. */
export function wireLogprobs(
  { chatTokenizer: tokenizer }: Pick<LoadedModel, "chatTokenizer">,
  stream: TextStream,
): (logprobs: readonly TokenLogprob[]) => WireLogprob[] {
  const one = (token: number, logprob: number | undefined): WireToken => ({
    id: token,
    bytes: Array.from(tokenizer?.tokenBytes(token) ?? []),
    name: tokenizer?.idToToken(token) ?? `token_id:${token}`,
    logprob,
  });
  return (logprobs) =>
    logprobs.map(({ token, logprob, top }) => ({
      ...one(token, logprob),
      characters: Array.from(stream.push([token])).length,
      top: top.map((other) => one(other.token, other.logprob)),
    }));
}
