/** All parameters of a DynaMo model by their names in the checkpoint. */
import { baseShapes, headShapes, type ModelConfig, type Shapes } from "@dynamo/model";

export function modelShapes(config: ModelConfig): Shapes {
  const heads = Array.from({ length: config.tokenHeads - 1 }, (_, i) => i + 2);
  return new Map([...baseShapes(config), ...heads.flatMap((head) => [...headShapes(config, head)])]);
}

/** Whether a tensor of a checkpoint belongs to heads 2..N. */
export const isHeadTensor = (name: string): boolean => name.startsWith("dynamo.");
