/** What token heads from the second on are made of: a file of this folder each. */
import type { Architecture, Layer } from "../architecture.js";

/** One kind of token heads: what they are made of, where their tensors are. */
export interface HeadKind {
  /** config.json's `dynamo.head_kind`. */
  readonly name: HeadKindName;
  /** For people, in the singular and the plural. */
  readonly layerName: readonly [one: string, many: string];
  /** Layers that a head may have. */
  readonly maxLayers: number;
  /**
   * What a head reads: the output of the layer that config.json's `head_input` names, before the final norm, which then
   * stands behind the head; head 1's state behind that norm, as its output embedding gets it, with no norm behind the head; or
   * pairs of that state and the next token's embedding, from one module that all heads share.
   */
  readonly input: "layer" | "normed" | "pairs";
  /** What the head behind takes as its state, of a module of pairs. */
  readonly feedback?: "normed" | "layer";
  /** Tensors of a module beside its layer's. */
  readonly moduleShapes?: (
    architecture: Architecture,
  ) => readonly (readonly [name: string, shape: readonly number[]])[];
  /** What each of a head's layers is. One that attends has keys and values in the cache. */
  readonly layer: (architecture: Architecture) => Layer;
}

/**
 * `decoder`: layers as the base's last, DynaMo's own. `medusa`: residual blocks x + SiLU(W·x + b) on the base's final state.
 * `mtp`, `deepseek-mtp`: a module of multi-token prediction.
 */
export type HeadKindName = "decoder" | "medusa" | "mtp" | "deepseek-mtp";
