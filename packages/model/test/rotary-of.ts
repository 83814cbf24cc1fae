/** The rotation that a layer asks for, for tests. */
import type { Rotary } from "../src/architectures/architecture.js";
import { architectureOf, type ModelConfig } from "../src/architectures/config.js";
import { partsOf } from "../src/architectures/layer-parts.js";

export function rotaryOf(config: ModelConfig, layer = 0): Rotary | undefined {
  const found = architectureOf(config).layers[layer];
  return found && partsOf(found).rotaries[0];
}
