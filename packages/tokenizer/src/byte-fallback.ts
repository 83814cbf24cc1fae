/** Tokens that are one byte each, `<0x00>` to `<0xFF>`, as characters. */
import type { Sink, Stage } from "./stage.js";

const replacement = "\uFFFD";

/** The byte of a token such as `<0xE2>`; undefined for all others. */
export function byteOfToken(token: string): number | undefined {
  const digits = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}

export const byteToken = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;

/**
 * Bytes become characters as soon as these are whole; each byte that is part of none becomes a replacement character. Rust's
 * decoder turns all bytes of a run into replacement characters when one of them is broken: it cannot say so before the run's end.
 */
export function byteFallbackStage(sink: Sink): Stage {
  let held: number[] = [];
  const give = (): void => {
    held.forEach(() => sink(replacement));
    held = [];
  };
  const take = (byte: number): void => {
    held.push(byte);
    const state = characterState(held);
    if (state === "whole") {
      sink(new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(held)));
      held = [];
    } else if (state === "broken") {
      const rest = held.splice(1);
      give();
      for (const each of rest) take(each);
    }
  };
  return {
    push(token) {
      const byte = byteOfToken(token);
      if (byte !== undefined) take(byte);
      else {
        give();
        sink(token);
      }
    },
    end: give,
  };
}

/** Whether bytes are one UTF-8 character, the beginning of one, or neither. */
function characterState(bytes: readonly number[]): "whole" | "begun" | "broken" {
  const [lead = 0, second] = bytes;
  if (lead < 0x80) return "whole";
  const length =
    lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
  if (length === 0) return "broken";
  if (second !== undefined && !isSecond(lead, second)) return "broken";
  if (bytes.slice(2).some((byte) => byte < 0x80 || byte > 0xbf)) return "broken";
  return bytes.length === length ? "whole" : "begun";
}

/** No overlong forms, no surrogates, nothing beyond U+10FFFF. */
function isSecond(lead: number, byte: number): boolean {
  const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  return byte >= least && byte <= most;
}
