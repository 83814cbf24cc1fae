/** The tensors of a layer's norms, products and convolutions. */
import { DynamoError } from "@dynamo/core";
import type { Convolution, Layer, Norm, Product } from "./architecture.js";
import { partsOf, type Weights } from "./layer-parts.js";

/** Tensors' shapes by name. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

type Named = readonly [name: string, shape: readonly number[]];

/** The tensors of a norm. */
export const normShapes = ({ tensor, size, bias = false }: Norm): Named[] => [
  [`${tensor}.weight`, [size]],
  ...(bias ? ([[`${tensor}.bias`, [size]]] as const) : []),
];

/** The tensors of a product, whole ones where the product is a part. */
function productShapes({ tensor, inputs, outputs, bias = false, part, isTransposed = false }: Product): Named[] {
  const rows = part === undefined ? outputs : part.groups * part.sizes.reduce((sum, size) => sum + size, 0);
  return [
    [`${tensor}.weight`, isTransposed ? [inputs, rows] : [rows, inputs]],
    ...(bias ? ([[`${tensor}.bias`, [rows]]] as const) : []),
  ];
}

const convolutionShapes = ({ tensor, channels, taps, bias = false }: Convolution): Named[] => [
  [`${tensor}.weight`, [channels, 1, taps]],
  ...(bias ? ([[`${tensor}.bias`, [channels]]] as const) : []),
];

/** Of a product with the norm in front of it, of a convolution, or of a norm alone. */
function weightShapes(weight: Weights): Named[] {
  if ("taps" in weight) return convolutionShapes(weight);
  if (!("inputs" in weight)) return normShapes(weight);
  return [...(weight.norm === undefined ? [] : normShapes(weight.norm)), ...productShapes(weight)];
}

/** Shapes by the names inside the layer. */
export function layerShapes(layer: Layer): Shapes {
  const shapes = new Map<string, readonly number[]>();
  for (const [name, shape] of partsOf(layer).weights.flatMap(weightShapes)) {
    const other = shapes.get(name);
    if (other !== undefined && other.join() !== shape.join())
      throw new DynamoError(
        "invalid-argument",
        `a layer uses ${name} as [${other.join(", ")}] and as [${shape.join(", ")}]`,
      );
    shapes.set(name, shape);
  }
  return shapes;
}
