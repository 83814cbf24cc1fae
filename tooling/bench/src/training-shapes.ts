/** All parameters of a bench's model, by their names in the checkpoint. */
import { baseShapes, headShapes, type Shapes } from "@dynamo/model";
import { configOf, tokenHeads, type TrainingCase } from "./training-case.js";

export function shapesOf(own: TrainingCase): Shapes {
  const config = configOf(own);
  const heads = Array.from({ length: tokenHeads - 1 }, (_, i) => i + 2);
  return new Map([...baseShapes(config), ...heads.flatMap((head) => [...headShapes(config, head)])]);
}
