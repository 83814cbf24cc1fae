/** Models whose words are in the vocabulary, whole (WordLevel) or in pieces (WordPiece: the longest that fits, from the left). */
import type { Model, Vocabulary } from "./model.js";
import type { Settings } from "./settings.js";

export function wordLevel(settings: Settings, { idOf, unknown }: Vocabulary): Model {
  const unknownToken = settings.text("unk_token", "<unk>");
  return { encode: (word, push) => push(idOf(word) ?? unknown(unknownToken)) };
}

/** `longest`: the characters of the vocabulary's longest token. */
export function wordPiece(settings: Settings, { idOf, unknown }: Vocabulary, longest: number): Model {
  const unknownToken = settings.text("unk_token", "[UNK]");
  const prefix = settings.text("continuing_subword_prefix", "##");
  const most = settings.whole("max_input_chars_per_word", 0, 100);
  const pieces = (characters: readonly string[]): number[] | undefined => {
    const ids: number[] = [];
    for (let start = 0; start < characters.length;) {
      let end = Math.min(characters.length, start + longest);
      const before = start > 0 ? prefix : "";
      let id: number | undefined;
      for (; end > start; end--) if ((id = idOf(before + characters.slice(start, end).join(""))) !== undefined) break;
      if (id === undefined) return undefined;
      ids.push(id);
      start = end;
    }
    return ids;
  };
  return {
    encode(word, push) {
      const characters = Array.from(word);
      const ids = characters.length > most ? undefined : pieces(characters);
      if (ids === undefined) push(unknown(unknownToken));
      else ids.forEach(push);
    },
  };
}
