/** Everything that a model computes, as one text: two configs compute alike when their texts are the same. */
import type { Architecture, EmbeddingOperations, Layer, LayerOperations } from "./architecture.js";
import { architectureOf, type ModelConfig } from "./config.js";
import { headLayer } from "./tensor-names.js";

/** What is called with what, in order; values are the numbers of the calls that made them. */
function recorder(): {
  readonly calls: unknown[];
  readonly note: (name: string, ...given: readonly unknown[]) => number;
} {
  const calls: unknown[] = [];
  return { calls, note: (name, ...given) => calls.push([name, ...given]) };
}

function layerCalls({ attention: shape, forward }: Layer): unknown {
  const { calls, note } = recorder();
  const several = (name: string, count: number, ...given: readonly unknown[]): number[] => {
    const made = note(name, ...given);
    return Array.from({ length: count }, (_, i) => made + i / 1000);
  };
  const operations: LayerOperations<number, number> = {
    project: (x, attention, others) => {
      const made = several("project", others.length + 1, x, attention, others);
      return { attention: made[0] as number, others: made.slice(1) };
    },
    normHeads: (attention, norms) => note("normHeads", attention, norms),
    rotate: (attention, rotary) => note("rotate", attention, rotary),
    attend: (attention) => note("attend", attention),
    products: (x, products) => several("products", products.length, x, products),
    convolve: (x, convolution) => note("convolve", x, convolution),
    activate: (x, activation) => note("activate", x, activation),
    multiply: (a, b) => note("multiply", a, b),
    addProducts: (x, terms) => note("addProducts", x, terms),
    add: (a, b) => note("add", a, b),
    norm: (x, norm) => note("norm", x, norm),
  };
  return { shape, calls, output: forward(operations, 0) };
}

function embeddingCalls(embed: Architecture["embed"]): unknown {
  const { calls, note } = recorder();
  const operations: EmbeddingOperations<number> = {
    tokens: (tensor) => note("tokens", tensor),
    positions: (tensor) => note("positions", tensor),
    add: (a, b) => note("add", a, b),
    scale: (x, factor) => note("scale", x, factor),
  };
  return { output: embed(operations), calls };
}

/** Layers that are one object are described once. */
export function describeModel(config: ModelConfig): string {
  const { embed, layers, layerPrefix, ...sizes } = architectureOf(config);
  const { tokenHeads, headKind, headLayers, headInput, ownOutputEmbedding, conditional } = config;
  const kinds = [...new Set(layers)];
  return JSON.stringify({
    ...{ sizes, embedding: embeddingCalls(embed), prefix: layerPrefix(0) },
    ...{ kinds: kinds.map(layerCalls), layers: layers.map((layer) => kinds.indexOf(layer)) },
    heads:
      tokenHeads === 1
        ? []
        : [
            { tokenHeads, headKind, headLayers, headInput, ownOutputEmbedding, conditional },
            layerCalls(headLayer(config)),
          ],
  });
}
