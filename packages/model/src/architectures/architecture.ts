/**
 * What a family of models is: the vocabulary in which its file says how its layers compute. A layer is written once, over
 * `LayerOperations`; inference graphs, training graphs and the list of its tensors are implementations of these.
 */

/** A norm over the last axis. Tensors: `<tensor>.weight`, the gain, and with `bias` `<tensor>.bias`, the shift. */
export interface Norm {
  readonly tensor: string;
  readonly size: number;
  /** `layer`: (x - mean) / √(variance + ε); `rms`: x / √(mean of x² + ε). */
  readonly kind: "layer" | "rms";
  readonly epsilon: number;
  readonly bias?: boolean;
  /** What is added to the weight to make the gain; default 0. */
  readonly offset?: number;
  /** A factor of the result; default 1. */
  readonly scale?: number;
}

/** y = scale · (W·norm(x) + b). Tensors: `<tensor>.weight` [outputs, inputs], and with `bias` `<tensor>.bias`. */
export interface Product {
  readonly tensor: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly bias?: boolean;
  /** Of the input: its gain and shift are folded into the weights, so that products share the statistics. */
  readonly norm?: Norm;
  /** Default 1. */
  readonly scale?: number;
  /** Set when the tensor holds other products too. */
  readonly part?: Part;
  /** Whether the weight is stored as [inputs, outputs]. */
  readonly isTransposed?: boolean;
}

/** One of several products in a tensor, whose rows are `groups` times `sizes[0]` rows of the first, `sizes[1]` of the second, … */
export interface Part {
  readonly groups: number;
  readonly sizes: readonly number[];
  readonly index: number;
}

/**
 * A short causal convolution of each channel by itself: y_t = Σ w[k]·x_(t - taps + 1 + k) + b over k < taps, with zeros in front of a
 * text. Tensors: `<tensor>.weight` [channels, 1, taps], and with `bias` `<tensor>.bias`.
 */
export interface Convolution {
  readonly tensor: string;
  readonly channels: number;
  readonly taps: number;
  readonly bias?: boolean;
}

/** Rotary position embeddings: pairs (i, i + dimensions / 2) of a head's first dimensions are turned by position · frequency. */
export interface Rotary {
  /** Apart from the model's other rotations. */
  readonly name: string;
  readonly dimensions: number;
  /** Radians per position, of each pair. */
  readonly frequencies: readonly number[];
  /** A factor of cosines and sines. */
  readonly scale: number;
  /** The frequencies of texts that may grow longer than `behind` positions, from their first position on. */
  readonly long?: { readonly behind: number; readonly frequencies: readonly number[] };
}

/** Of feed-forward layers. `gelu-tanh` is ½x(1 + tanh(√(2/π)(x + 0.044715x³))), by whatever name. */
export type Activation = "gelu" | "gelu-tanh" | "silu";

/** The products that make queries, keys and values. */
export interface Projections {
  readonly query: Product;
  readonly key: Product;
  readonly value: Product;
}

/** How a layer attends; all sizes are 0 in one that does not. Key and value head j serves query heads j·n to j·n + n - 1 for n = heads / keyValueHeads. */
export interface AttentionShape {
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
  /** A query at i sees the keys j with i - j < window; all keys up to its own when absent. */
  readonly window?: number;
  /** Scores s become cap · tanh(s / cap), before keys are hidden. */
  readonly softCap?: number;
}

/**
 * What layers are made of, on values X [rows, width] and operands of attention Q. Everything that reads one value is asked for
 * in one call, because it can be one product of matrices.
 */
export interface LayerOperations<X, Q> {
  /** Queries, keys and values of x, and what else reads x. */
  project(x: X, attention: Projections, others: readonly Product[]): { readonly attention: Q; readonly others: X[] };
  /** Norms of queries and keys, over each head or over all of them, by the norms' sizes. */
  normHeads(attention: Q, norms: { readonly query: Norm; readonly key: Norm }): Q;
  rotate(attention: Q, rotary: Rotary): Q;
  /** softmax(q·kᵀ)·v over what the layer's `AttentionShape` lets a query see; the usual 1/√headSize is in the queries' scale. */
  attend(attention: Q): X;
  products(x: X, products: readonly Product[]): X[];
  convolve(x: X, convolution: Convolution): X;
  activate(x: X, activation: Activation): X;
  multiply(a: X, b: X): X;
  /** x + Σ product(value) */
  addProducts(x: X, terms: readonly (readonly [value: X, product: Product])[]): X;
  add(a: X, b: X): X;
  norm(x: X, norm: Norm): X;
}

/** What a model's first value is made of. */
export interface EmbeddingOperations<X> {
  /** Rows of `<tensor>.weight` [vocabulary, hidden]: the tokens'. */
  tokens(tensor: string): X;
  /** Rows of `<tensor>.weight` [context, hidden]: those of the tokens' positions. */
  positions(tensor: string): X;
  add(a: X, b: X): X;
  scale(x: X, factor: number): X;
}

/** One decoder layer. Its tensors' names are those inside the layer. */
export interface Layer {
  readonly attention: AttentionShape;
  /** What the layer has instead of attention, where it has one. */
  readonly convolution?: Convolution;
  readonly forward: <X, Q>(operations: LayerOperations<X, Q>, x: X) => X;
}

/** Everything that a config.json says of the mathematics of a model. */
export interface Architecture {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly contextLength: number;
  readonly tiedEmbeddings: boolean;
  /** In front of the names of all of the base's tensors but the output embedding's; exports of the bare model leave it out. */
  readonly prefix: string;
  /** The embedding's tensor, without `.weight`; with tied embeddings also the output's. */
  readonly embedding: string;
  readonly embed: <X>(operations: EmbeddingOperations<X>) => X;
  /** What layer i's tensors' names begin with. */
  readonly layerPrefix: (layer: number) => string;
  /** Base layers, head 1's included. */
  readonly layers: readonly Layer[];
  readonly finalNorm: Norm;
  /** The output embedding's tensor, without `.weight`. */
  readonly outputEmbedding: string;
  /** Logits z become cap · tanh(z / cap). */
  readonly logitCap?: number;
}

/** How a layer attends that does not. */
export const noAttention: AttentionShape = { heads: 0, keyValueHeads: 0, headSize: 0 };

const attends = ({ attention }: Layer): boolean => attention.heads > 0;

/** The last layer that attends; there is one in every architecture. */
export const lastAttending = ({ layers }: Pick<Architecture, "layers">): Layer => layers.findLast(attends) as Layer;
