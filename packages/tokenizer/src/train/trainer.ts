/** Text in, byte-level BPE out: counts words as texts come, learns merges at the end. */
import { DynamoError, throwIfAborted } from "@dynamo/core";
import { checkValue, text as textCheck } from "@dynamo/core/options";
import { byteAlphabet } from "../byte-level.js";
import { learnMerges } from "./merges.js";
import {
  checkFinish,
  checkTraining,
  defaultSpecialTokens,
  type BpeTrainingOptions,
  type FinishOptions,
} from "./options.js";
import { tokenizerJson, type BpeTokenizerJson } from "./tokenizer-json.js";
import { createWordCounter } from "./word-counter.js";

/** Counts words, and learns merges from them. */
export interface BpeTrainer {
  /** A document, or a piece of one. Where a piece ends a word ends too: cut after lines. */
  add(text: string): void;
  /**
   * tokenizer.json. Its vocabulary is smaller than asked for when no more pairs are frequent enough: count
   * `model.vocab`. Throws `invalid-argument` when no text was added. More text may follow, and another `finish`.
   */
  finish(options?: FinishOptions): BpeTokenizerJson;
}

/**
 * The same documents, in any order, give the same tokenizer, byte for byte; beyond a million distinct words the rarer
 * half of them is forgotten, and then the order matters. Throws `invalid-argument` for options out of their range.
 */
export function createBpeTrainer(options: BpeTrainingOptions): BpeTrainer {
  checkTraining(options);
  const { vocabularySize, specialTokens = defaultSpecialTokens, minFrequency = 2, maxTokenLength = 32 } = options;
  const counter = createWordCounter();
  const split = splitter(specialTokens);
  const { characters, idOfByte } = bytesFrom(specialTokens.length);
  const firstTokens = [...specialTokens, ...characters];
  const encoder = new TextEncoder();
  let charactersRead = 0;
  return {
    add(text) {
      checkValue("text", text, textCheck);
      throwIfAborted(options.signal);
      for (const part of split(text)) counter.add(part);
      charactersRead += text.length;
      options.onProgress?.(charactersRead, Number.POSITIVE_INFINITY, "reading");
    },
    finish(own = {}) {
      checkFinish(own);
      const { onProgress = options.onProgress, signal = options.signal } = own;
      throwIfAborted(signal);
      if (counter.words.size === 0)
        throw new DynamoError("invalid-argument", "expected text to learn from, received none");
      const words = Array.from(counter.words, ([word, count]) => ({
        ids: Array.from(encoder.encode(word), (byte) => idOfByte[byte] as number),
        count,
      }));
      const tokens = [...firstTokens];
      const merges = learnMerges(words, {
        tokens,
        count: vocabularySize - tokens.length,
        minFrequency,
        maxTokenLength,
        onProgress: (done, total) => onProgress?.(done, total, "merging"),
        signal,
      }).map(({ left, right }) => {
        const pair = [tokens[left] as string, tokens[right] as string];
        tokens.push(pair.join(""));
        return pair.join(" ");
      });
      return tokenizerJson(specialTokens, tokens, merges);
    },
  };
}

/** Bytes in the order of their characters, as Hugging Face's trainer sorts its initial alphabet, with ids from `first`. */
function bytesFrom(first: number): { readonly characters: readonly string[]; readonly idOfByte: Uint32Array } {
  const order = byteAlphabet()
    .map((character, byte) => ({ character, byte }))
    .sort((a, b) => (a.character < b.character ? -1 : 1));
  const idOfByte = new Uint32Array(256);
  for (const [i, { byte }] of order.entries()) idOfByte[byte] = first + i;
  return { characters: order.map(({ character }) => character), idOfByte };
}

/** Cuts special tokens out of texts, the longest first where one begins another. */
function splitter(specialTokens: readonly string[]): (text: string) => readonly string[] {
  if (specialTokens.length === 0) return (text) => [text];
  const escaped = [...specialTokens]
    .sort((a, b) => b.length - a.length)
    .map((token) => token.replace(/[\\^$.*+?()[\]{}|/]/gu, "\\$&"));
  const pattern = new RegExp(escaped.join("|"), "u");
  return (text) => text.split(pattern);
}
