/** All parameters of a DynaMo model by their names in the checkpoint. */
import { baseShapes, headShapes, type NeoxConfig, type Shapes } from "@dynamo/model";

export function modelShapes(config: NeoxConfig): Shapes {
  const heads = Array.from({ length: config.tokenHeads - 1 }, (_, i) => i + 2);
  return new Map([...baseShapes(config), ...heads.flatMap((head) => [...headShapes(config, head)])]);
}
