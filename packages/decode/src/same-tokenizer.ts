/** Whether two models mean the same by a token id. */
import { DynamoError, type LanguageModel, type Tokenizer } from "@dynamo/core";

/** Words, numbers, spaces and signs beyond ASCII: tokenizers that part these alike are the same for every practical purpose. */
const sample = "Once upon a time, 1,234 naïve cats said:\n\n  “Zürich–東京?” Don't… {x: [0.5]}";
/** Ids that are decoded by both, spread over the vocabulary. */
const decoded = 64;

/** Throws `unsupported` for a draft model of another vocabulary. A folder without tokenizer.json is compared by size alone. */
export function checkSameTokenizer(model: LanguageModel, draftModel: LanguageModel): void {
  const [own, other] = [model.tokenizer, draftModel.tokenizer];
  const fail = (expected: string, received: string): never => {
    throw new DynamoError(
      "unsupported",
      `the draft model has another tokenizer than the model: expected ${expected}, received ${received}`,
    );
  };
  const [size, otherSize] = [own.vocabularySize, other.vocabularySize];
  if (size !== otherSize) fail(`a vocabulary of ${size} tokens`, String(otherSize));
  // Embeddings may be padded; a padded id that is drafted must be one of the model's too.
  const [most, otherMost] = [model.info.vocabularySize, draftModel.info.vocabularySize];
  if (otherMost > most) fail(`logits of at most ${most} tokens`, String(otherMost));
  const [parts, otherParts] = [partsOf(own, size), partsOf(other, size)];
  if (parts === undefined || otherParts === undefined) return;
  const at = parts.findIndex((part, i) => part !== otherParts[i]);
  if (at >= 0 || parts.length !== otherParts.length)
    fail(JSON.stringify(parts[at] ?? parts), JSON.stringify(otherParts[at] ?? otherParts));
}

/** The sample's ids, and what single ids stand for; undefined without a tokenizer. */
function partsOf(tokenizer: Tokenizer, size: number): string[] | undefined {
  try {
    const ids = Array.from({ length: decoded }, (_, i) => Math.floor((i * size) / decoded));
    return [`ids ${tokenizer.encode(sample).join(" ")}`, ...ids.map((id) => `${id} for ${tokenizer.decode([id])}`)];
  } catch (error) {
    if (DynamoError.is(error) && error.code === "not-found") return undefined;
    throw error;
  }
}
