/** The rotation that a layer asks for, for tests. */
import type { Rotary } from "../architectures/architecture.js";
import { architectureOf, type ModelConfig } from "../architectures/config.js";
import { partsOf } from "../architectures/layer-parts.js";

export function rotaryOf(config: ModelConfig, layer = 0): Rotary | undefined {
  const found = architectureOf(config).layers[layer];
  return found && partsOf(found).rotaries[0];
}
