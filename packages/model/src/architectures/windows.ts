/** Which layers attend to a window. */
import type { AttentionShape } from "./architecture.js";
import { show, type JsonReader } from "./json-reader.js";
import { caps } from "./sizes.js";

export type Window = Pick<AttentionShape, "window">;

const widest = caps.context;

/** `sliding_window` of every layer, when there is one. */
export function windowOfAll(json: JsonReader): Window {
  return json.has("sliding_window") ? { window: json.whole("sliding_window", 1, widest) } : {};
}

/** Each layer's type as `layer_types` names it, or as `typeOf` says where it names none. */
export function layerTypes(
  json: JsonReader,
  layers: number,
  typeOf: (layer: number) => string,
  known: readonly string[] = ["full_attention", "sliding_attention"],
): string[] {
  const types = json.any("layer_types") ?? Array.from({ length: layers }, (_, layer) => typeOf(layer));
  if (!Array.isArray(types) || types.length !== layers)
    return json.fail(`layer_types must name ${layers} layers, received ${show(types)}`);
  const other: unknown = types.find((type) => !known.includes(type as string));
  if (other !== undefined) json.unsupported(`expected layer_types of ${known.join(" and ")}, received ${show(other)}`);
  return types as string[];
}

/** Qwen's: only with `use_sliding_window`, by `layer_types`, else from layer `max_window_layers` on. */
export function qwenWindows(json: JsonReader, layers: number): Window[] {
  const isUsed = json.flag("use_sliding_window", false);
  const first = json.whole("max_window_layers", 0, widest, 28);
  const types = layerTypes(json, layers, (layer) =>
    isUsed && layer >= first ? "sliding_attention" : "full_attention",
  );
  const window = json.any("sliding_window");
  return types.map((type) => {
    if (type === "full_attention" || !isUsed || window === undefined) return {};
    return { window: json.whole("sliding_window", 1, widest) };
  });
}
