/** Small tokenizers of each kind, built in code. */

/** Every byte's character in the byte-level alphabet, in the order of the bytes. */
const alphabet = ((): string[] => {
  let moved = 256;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCharCode((byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174 ? byte : moved++),
  );
})();

const added = (id: number, content: string, special: boolean): object => ({
  id,
  content,
  special,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
});

/** Byte-level BPE over all 256 bytes with a few merges, an end-of-text token and an added token of two spaces. */
export function byteLevelJson(): Record<string, unknown> {
  const merges = [
    ["t", "h"],
    ["th", "e"],
    ["Ġ", "the"],
    ["a", "n"],
    ["ð", "Ł"],
  ];
  const tokens = [...alphabet, ...merges.map((pair) => pair.join(""))];
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  return {
    added_tokens: [added(tokens.length, "<|endoftext|>", true), added(tokens.length + 1, "  ", false)],
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true },
    decoder: { type: "ByteLevel" },
    model: { type: "BPE", vocab, merges },
  };
}

/** BERT's kind: words with ## continuations. */
export function wordPieceJson(): Record<string, unknown> {
  const tokens = ["[UNK]", "the", "cat", "##s", "sat", "un", "##believ", "##able", ",", "."];
  return {
    added_tokens: [added(0, "[UNK]", true)],
    pre_tokenizer: { type: "BertPreTokenizer" },
    decoder: { type: "WordPiece", prefix: "##", cleanup: false },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    },
  };
}

/** Llama's kind: BPE with spaces as ▁ and bytes as <0xHH> for what has no token. */
export function byteFallbackJson(): Record<string, unknown> {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  const tokens = ["<unk>", ...bytes, "▁", "a", "b", "c", "▁a", "▁b", "ab"];
  return {
    added_tokens: [added(0, "<unk>", true)],
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: "▁" },
        { type: "Replace", pattern: { String: " " }, content: "▁" },
      ],
    },
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
    model: {
      type: "BPE",
      byte_fallback: true,
      fuse_unk: true,
      unk_token: "<unk>",
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: [
        ["▁", "a"],
        ["▁", "b"],
        ["a", "b"],
      ],
    },
  };
}
