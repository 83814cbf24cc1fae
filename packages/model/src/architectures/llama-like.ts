/** What Llama and the families after it have alike: tensors' names, RMS norms before both branches, a gated feed-forward. */
import type {
  Activation,
  Architecture,
  AttentionShape,
  Layer,
  LayerOperations,
  Norm,
  Product,
  Projections,
  Rotary,
} from "./architecture.js";
import type { JsonReader } from "./json-reader.js";
import { ropeContext } from "./rope.js";
import { caps, dividedHeads, readKeyValueHeads, readSizes, type Sizes } from "./sizes.js";

/** A layer's parts by Llama's names; families change some of them. */
export interface LlamaParts extends Projections {
  readonly attention: AttentionShape;
  readonly output: Product;
  readonly gate: Product;
  readonly up: Product;
  readonly down: Product;
  readonly activation: Activation;
  /** Of queries and keys, where there are any. */
  readonly headNorms?: { readonly query: Norm; readonly key: Norm };
  /** Of the whole width, or of `size`. */
  readonly norm: (tensor: string, size?: number) => Norm;
}

export interface LlamaSizes extends Sizes {
  readonly intermediateSize: number;
  readonly headSize: number;
}

const activations: ReadonlyMap<string, Activation> = new Map([
  ["silu", "silu"],
  ["swish", "silu"],
  ["gelu", "gelu"],
  ["gelu_pytorch_tanh", "gelu-tanh"],
  ["gelu_new", "gelu-tanh"],
]);

/** What a family has where config.json says nothing. */
export interface LlamaDefaults {
  /** hidden_size / heads when absent. */
  readonly headSize?: number;
  readonly activation?: string;
  readonly epsilon?: number;
}

export function readLlamaParts(
  json: JsonReader,
  defaults: LlamaDefaults = {},
): LlamaParts & { readonly sizes: LlamaSizes } {
  const sizes = readSizes(json);
  const { hiddenSize, heads } = sizes;
  const keyValueHeads = readKeyValueHeads(json, heads, heads);
  const usualSize = json.has("head_dim") ? undefined : (defaults.headSize ?? dividedHeads(json, sizes));
  const headSize = json.whole("head_dim", 1, caps.hidden, usualSize);
  const intermediateSize = json.whole("intermediate_size", 1, caps.intermediate);
  const epsilon = json.positive("rms_norm_eps", defaults.epsilon ?? 1e-6);
  const activationKey = json.has("hidden_activation") ? "hidden_activation" : "hidden_act";
  const norm = (tensor: string, size = hiddenSize): Norm => ({ tensor, size, kind: "rms", epsilon });
  const [width, keyValueWidth] = [heads * headSize, keyValueHeads * headSize];
  const before = norm("input_layernorm");
  const between = norm("post_attention_layernorm");
  const product = (tensor: string, inputs: number, outputs: number, input?: Norm): Product =>
    input === undefined ? { tensor, inputs, outputs } : { tensor, inputs, outputs, norm: input };
  return {
    sizes: { ...sizes, intermediateSize, headSize },
    attention: { heads, keyValueHeads, headSize },
    activation: json.oneOf(activationKey, activations, defaults.activation ?? "silu"),
    norm,
    query: { ...product("self_attn.q_proj", hiddenSize, width, before), scale: 1 / Math.sqrt(headSize) },
    key: product("self_attn.k_proj", hiddenSize, keyValueWidth, before),
    value: product("self_attn.v_proj", hiddenSize, keyValueWidth, before),
    output: product("self_attn.o_proj", width, hiddenSize),
    gate: product("mlp.gate_proj", hiddenSize, intermediateSize, between),
    up: product("mlp.up_proj", hiddenSize, intermediateSize, between),
    down: product("mlp.down_proj", intermediateSize, hiddenSize),
  };
}

/** x + down(act(gate(norm(x))) · up(norm(x))) */
export function gatedFeedForward<X, Q>(
  op: LayerOperations<X, Q>,
  x: X,
  { gate, up, down, activation }: Pick<LlamaParts, "gate" | "up" | "down" | "activation">,
): X {
  const [gated, wide] = op.products(x, [gate, up]) as [X, X];
  return op.addProducts(x, [[op.multiply(op.activate(gated, activation), wide), down]]);
}

/** x += attention(norm(x)), x += down(act(gate(norm(x))) · up(norm(x))) */
export const llamaLayer = (parts: LlamaParts, rotary: Rotary | undefined): Layer => ({
  attention: parts.attention,
  forward(op, x) {
    const projected = op.project(x, parts, []).attention;
    const attention = parts.headNorms === undefined ? projected : op.normHeads(projected, parts.headNorms);
    const attended = op.attend(rotary === undefined ? attention : op.rotate(attention, rotary));
    return gatedFeedForward(op, op.addProducts(x, [[attended, parts.output]]), parts);
  },
});

/** A model of these layers, with Llama's names around them. */
export function llamaArchitecture(
  json: JsonReader,
  { sizes, norm }: Pick<LlamaParts, "norm"> & { readonly sizes: LlamaSizes },
  layers: readonly Layer[],
  defaults: { readonly tied: boolean } = { tied: false },
): Architecture {
  const { vocabularySize, hiddenSize, intermediateSize, contextLength } = sizes;
  return {
    vocabularySize,
    hiddenSize,
    intermediateSize,
    contextLength: ropeContext(json, contextLength),
    tiedEmbeddings: json.flag("tie_word_embeddings", defaults.tied),
    prefix: "model.",
    embedding: "model.embed_tokens",
    embed: (op) => op.tokens("model.embed_tokens"),
    layerPrefix: (i) => `model.layers.${i}`,
    layers,
    finalNorm: norm("model.norm"),
    outputEmbedding: "lm_head",
  };
}
