/** What a layer is made of, found by computing it with operations that note what they are given. */
import type { Activation, Convolution, Layer, LayerOperations, Norm, Product, Rotary } from "./architecture.js";

/** What has tensors. */
export type Weights = Norm | Product | Convolution;

export interface LayerParts {
  /** Products, convolutions, and norms that stand in front of no product, in the order of their use. */
  readonly weights: readonly Weights[];
  readonly products: readonly Product[];
  /** Norms that stand in front of no product. */
  readonly norms: readonly Norm[];
  /** Of queries and keys. */
  readonly headNorms: readonly Norm[];
  readonly rotaries: readonly Rotary[];
  readonly activations: readonly Activation[];
  /** Whether values are multiplied. */
  readonly isGated: boolean;
}

const found = new WeakMap<Layer, LayerParts>();

/** Layers are one object as often as they are alike: each is looked at once. */
export function partsOf(layer: Layer): LayerParts {
  const parts = found.get(layer) ?? look(layer);
  found.set(layer, parts);
  return parts;
}

function look(layer: Layer): LayerParts {
  const weights: Weights[] = [];
  const products: Product[] = [];
  const norms: Norm[] = [];
  const headNorms: Norm[] = [];
  const rotaries: Rotary[] = [];
  const activations: Activation[] = [];
  let isGated = false;
  const note = <Part extends Norm | Product>(list: Part[], ...parts: readonly Part[]): void => {
    list.push(...parts);
    weights.push(...parts);
  };
  const operations: LayerOperations<undefined, undefined> = {
    project(_, { query, key, value }, others) {
      note(products, query, key, value, ...others);
      return { attention: undefined, others: others.map(() => undefined) };
    },
    normHeads: (_, { query, key }) => {
      note(headNorms, query, key);
      return undefined;
    },
    products(_, asked) {
      note(products, ...asked);
      return asked.map(() => undefined);
    },
    addProducts(_, terms) {
      note(products, ...terms.map(([, product]) => product));
      return undefined;
    },
    convolve: (_, convolution) => void weights.push(convolution),
    norm(_, norm) {
      note(norms, norm);
      return undefined;
    },
    rotate: (_, rotary) => void rotaries.push(rotary),
    activate: (_, activation) => void activations.push(activation),
    multiply: () => void (isGated = true),
    attend: () => undefined,
    add: () => undefined,
  };
  layer.forward(operations, undefined);
  return { weights, products, norms, headNorms, rotaries, activations, isGated };
}
