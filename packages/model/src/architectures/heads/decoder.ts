/** DynaMo's own heads: decoder layers as the base's last. */
import type { Layer } from "../architecture.js";
import type { HeadKind } from "./head-kind.js";

export const decoder: HeadKind = {
  name: "decoder",
  layerName: ["decoder layer", "decoder layers"],
  maxLayers: 2,
  input: "layer",
  layer: ({ layers }) => layers.at(-1) as Layer,
};
