/** Token ids to text: whole, in a stream, and one token's own bytes. */
import type { TextStream, Tokenizer } from "@dynamo/core";
import { checkValue, valueCheck } from "@dynamo/core/options";
import { byteOfToken } from "./byte-fallback.js";
import { byteLevelBytes } from "./byte-level.js";
import { connect, type Decoder } from "./stage.js";

/** The token that an id contributes to text; undefined for special tokens and for ids without a token. */
export type TokenOf = (id: number) => string | undefined;

export interface Decoding extends Pick<Tokenizer, "decode" | "stream"> {
  /**
   * The bytes that a token adds within a text, half characters included; none for special tokens and for ids without a
   * token. At the beginning and the end of a text some tokens have fewer: a leading space may go.
   */
  tokenBytes(id: number): Uint8Array;
}

export function decodingOf(decoders: readonly Decoder[], tokenOf: TokenOf): Decoding {
  const give = (ids: ArrayLike<number>, push: (token: string) => void): void => {
    checkValue("ids", ids, idList);
    for (let i = 0; i < ids.length; i++) {
      const token = tokenOf(wholeId(ids[i]));
      if (token !== undefined) push(token);
    }
  };

  function decode(ids: ArrayLike<number>): string {
    let text = "";
    const chain = connect(decoders, (piece) => void (text += piece));
    give(ids, chain.push);
    chain.end();
    return text;
  }

  function stream(prompt: ArrayLike<number> = []): TextStream {
    let text = "";
    const chain = connect(decoders, (piece) => void (text += piece));
    give(prompt, chain.push);
    // What the prompt's end held back comes again: bytes of a character, all text where a stage waits for the whole.
    let again = prompt.length === 0 ? "" : decode(prompt).slice(text.length);
    text = "";
    const take = (): string => {
      const common = commonLength(again, text);
      const taken = text.slice(common);
      again = taken === "" ? again.slice(common) : "";
      text = "";
      return taken;
    };
    return {
      push(ids) {
        give(ids, chain.push);
        return take();
      },
      flush() {
        chain.end();
        return take();
      },
    };
  }

  return { decode, stream, tokenBytes: (id) => bytesWithin(decoders, tokenOf(wholeId(id))) };
}

const idList = valueCheck<ArrayLike<number>>(
  "a list of token ids",
  (ids) => Array.isArray(ids) || (ArrayBuffer.isView(ids) && !(ids instanceof DataView)),
);
/** Ids beyond the vocabulary have no token. */
export const anyId = valueCheck<number>("a whole number", Number.isInteger);

function wholeId(id: unknown): number {
  if (!Number.isInteger(id)) checkValue("a token id", id, anyId);
  return id as number;
}

/** Of the texts' common beginning; never in the middle of a character. */
function commonLength(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  const isLow = (text: string): boolean => /^[\uDC00-\uDFFF]/.test(text.slice(at, at + 1));
  return at > 0 && (isLow(a) || isLow(b)) ? at - 1 : at;
}

function bytesWithin(decoders: readonly Decoder[], token: string | undefined): Uint8Array {
  if (token === undefined) return new Uint8Array();
  const level = decoders.findIndex(({ type }) => type === "ByteLevel");
  const byte = level < 0 && decoders.some(({ type }) => type === "ByteFallback") ? byteOfToken(token) : undefined;
  if (byte !== undefined) return Uint8Array.of(byte);
  let text = "";
  const chain = connect(level < 0 ? decoders : decoders.slice(0, level), (piece) => void (text += piece), {
    within: true,
  });
  chain.push(token);
  chain.end();
  return level < 0 ? new TextEncoder().encode(text) : byteLevelBytes(text);
}
