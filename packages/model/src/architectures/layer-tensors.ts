/** A layer's tensors, found by computing the layer with operations that note what they are given. */
import { DynamoError } from "@dynamo/core";
import type { Layer, LayerOperations, Norm, Product } from "./architecture.js";

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

const found = new WeakMap<Layer, Shapes>();

/** Shapes by the names inside the layer. */
export function layerShapes(layer: Layer): Shapes {
  const before = found.get(layer);
  if (before !== undefined) return before;
  const shapes = new Map<string, readonly number[]>();
  const note = (entries: readonly Named[]): void => {
    for (const [name, shape] of entries) {
      const other = shapes.get(name);
      if (other !== undefined && other.join() !== shape.join())
        throw new DynamoError(
          "invalid-argument",
          `a layer uses ${name} as [${other.join(", ")}] and as [${shape.join(", ")}]`,
        );
      shapes.set(name, shape);
    }
  };
  const noteNorm = (norm: Norm): void => note(normShapes(norm));
  const noteProduct = (product: Product): void => {
    if (product.norm !== undefined) noteNorm(product.norm);
    note(productShapes(product));
  };
  const operations: LayerOperations<undefined, undefined> = {
    project(_, { query, key, value }, others) {
      for (const product of [query, key, value, ...others]) noteProduct(product);
      return { attention: undefined, others: others.map(() => undefined) };
    },
    normHeads(_, norms) {
      noteNorm(norms.query);
      noteNorm(norms.key);
      return undefined;
    },
    products(_, products) {
      for (const product of products) noteProduct(product);
      return products.map(() => undefined);
    },
    addProducts(_, terms) {
      for (const [, product] of terms) noteProduct(product);
      return undefined;
    },
    norm(_, norm) {
      noteNorm(norm);
      return undefined;
    },
    rotate: () => undefined,
    attend: () => undefined,
    activate: () => undefined,
    multiply: () => undefined,
    add: () => undefined,
  };
  layer.forward(operations, undefined);
  found.set(layer, shapes);
  return shapes;
}
