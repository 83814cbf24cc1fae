/** What texts of a model's own begin with. */
import { DynamoError, throwIfAborted } from "@dynamo/core";
import type { LoadedModel } from "@dynamo/model";
import { documents } from "@dynamo/train/node";

/** Beginnings that are taken: enough that no two texts of a usual run begin alike. */
const mostBeginnings = 100_000;

export interface BeginningOptions {
  readonly text: readonly string[];
  readonly beginning: number;
}

/** The first tokens of the documents; without any document every text begins with the begin-of-text token alone. */
export async function beginningsOf(
  model: LoadedModel,
  { text: files, beginning }: BeginningOptions,
  signal: AbortSignal,
): Promise<(readonly number[])[]> {
  if (files.length === 0) return [fromNothing(model)];
  const found: number[][] = [];
  for await (const { text, first } of documents(files)) {
    throwIfAborted(signal);
    if (!first) continue;
    const ids = [...model.tokenizer.encode(text)].slice(0, beginning);
    if (ids.length > 0) found.push(ids);
    if (found.length === mostBeginnings) break;
  }
  if (found.length > 0) return found;
  throw new DynamoError("invalid-file", `${files.join(", ")}: expected documents to begin with, found none`);
}

function fromNothing({ info: { beginOfTextId } }: LoadedModel): readonly number[] {
  if (beginOfTextId !== undefined) return [beginOfTextId];
  throw new DynamoError("invalid-argument", "this model has no begin-of-text token: give --text for beginnings");
}
