/** The rotation that a layer asks for, for tests. */
import type { LayerOperations, Rotary } from "../architectures/architecture.js";
import { architectureOf, type ModelConfig } from "../architectures/config.js";

export function rotaryOf(config: ModelConfig, layer = 0): Rotary | undefined {
  let found: Rotary | undefined;
  const nothing = { project: (_: unknown, __: unknown, others: readonly unknown[]) => ({ attention: 0, others }) };
  const operations = new Proxy(nothing, {
    get: (target, name) => {
      if (name === "project") return target.project;
      if (name === "products") return (_: unknown, products: readonly unknown[]) => products;
      if (name === "rotate") return (_: unknown, rotary: Rotary) => void (found = rotary);
      return () => 0;
    },
  }) as unknown as LayerOperations<number, number>;
  architectureOf(config).layers[layer]?.forward(operations, 0);
  return found;
}
