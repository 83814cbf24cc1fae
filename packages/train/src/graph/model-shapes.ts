/** All parameters of a DynaMo model by their names in the checkpoint. */
import { baseShapes, headShapes, outputEmbedding, type NeoxConfig, type Shapes } from "@dynamo/model";

export function modelShapes(config: NeoxConfig): Shapes {
  const heads = Array.from({ length: config.tokenHeads - 1 }, (_, i) => i + 2);
  return new Map([...baseShapes(config), ...heads.flatMap((head) => [...headShapes(config, head)])]);
}

/** Whether a tensor of a checkpoint belongs to heads 2..N. */
export const isHeadTensor = (name: string): boolean => name.startsWith("dynamo.");

/** The parameter that makes a head's logits: tied embeddings are one. */
export function embeddingParameter(config: NeoxConfig, head: number): string {
  const name = outputEmbedding(config, head);
  return config.tiedEmbeddings && name === "embed_out.weight" ? "gpt_neox.embed_in.weight" : name;
}
