/** The smallest tokenizer: byte-level, a token for each byte and end-of-text behind them. */

const alphabet = ((): string[] => {
  let moved = 256;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCharCode((byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174 ? byte : moved++),
  );
})();

export const endOfText = 256;

/** `surplus` tokens that no text has make the vocabulary larger. */
export const byteTokenizer = (surplus = 0): Record<string, unknown> => ({
  added_tokens: [
    {
      id: endOfText,
      content: "<|endoftext|>",
      special: true,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    },
  ],
  pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true },
  decoder: { type: "ByteLevel" },
  model: {
    type: "BPE",
    vocab: Object.fromEntries([
      ...alphabet.map((token, id) => [token, id]),
      ...Array.from({ length: surplus }, (_, i) => [`surplus${i}`, endOfText + 1 + i]),
    ]),
    merges: [],
  },
});
