/** Which strategy writes where nobody named one. */
import type { ModelInfo } from "@dynamo/core";
import { checkValue, isPlainObject, plainObject, valueCheck } from "@dynamo/core/options";

/** What is asked of the model's information. */
type Info = Pick<ModelInfo, "tokenHeads" | "generation">;

const infoCheck = valueCheck<Info>(
  "a model's info { tokenHeads, generation }",
  (value) =>
    isPlainObject(value) &&
    typeof (value as Partial<Info>).tokenHeads === "number" &&
    isPlainObject((value as Partial<Info>).generation),
);

/** Options that no other strategy has. */
const ofDynamo = ["backoff", "joint", "adaptive", "blur"];

/**
 * The name of the strategy that the model's generation_config.json recommends, else `dynamo`; `autoregressive` for a model of one head. Who
 * asks for what only `dynamo` has, gets `dynamo`.
 */
export function recommendedStrategy(
  info: Info,
  options: Readonly<Record<string, unknown>> = {},
): "autoregressive" | "dynamo" | "verified" {
  checkValue("info", info, infoCheck);
  checkValue("options", options, plainObject);
  if (info.tokenHeads < 2) return "autoregressive";
  return ofDynamo.some((name) => options[name] !== undefined) ? "dynamo" : (info.generation.strategy ?? "dynamo");
}
