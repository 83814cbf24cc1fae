/** What is worth knowing of a model's mathematics, in words: found by looking at what its layers ask for. */
import type { Architecture, Layer, LayerOperations, Norm, Product, Rotary } from "./architecture.js";
import { architectureOf, familyName, type ModelConfig } from "./config.js";

/** A model's family, and its mathematics in words. */
export interface Features {
  /** For people: "Llama". */
  readonly family: string;
  /** A phrase each. */
  readonly features: readonly string[];
  /** What may surprise who knows the model, a phrase each. */
  readonly unusual: readonly string[];
}

interface Seen {
  readonly rotaries: readonly Rotary[];
  readonly headNorms: readonly Norm[];
  readonly norms: readonly Norm[];
  readonly products: readonly Product[];
  readonly activations: readonly string[];
  readonly isGated: boolean;
}

/** What one layer asks its operations for. */
function look(layer: Layer): Seen {
  const rotaries: Rotary[] = [];
  const headNorms: Norm[] = [];
  const norms: Norm[] = [];
  const products: Product[] = [];
  const activations: string[] = [];
  let isGated = false;
  const operations: LayerOperations<undefined, undefined> = {
    project(_, { query, key, value }, others) {
      products.push(query, key, value, ...others);
      return { attention: undefined, others: others.map(() => undefined) };
    },
    normHeads: (_, { query, key }) => void headNorms.push(query, key),
    rotate: (_, rotary) => void rotaries.push(rotary),
    products(_, asked) {
      products.push(...asked);
      return asked.map(() => undefined);
    },
    addProducts: (_, terms) => void products.push(...terms.map(([, product]) => product)),
    activate: (_, activation) => void activations.push(activation),
    multiply: () => void (isGated = true),
    norm: (_, norm) => void norms.push(norm),
    attend: () => undefined,
    add: () => undefined,
  };
  layer.forward(operations, undefined);
  return { rotaries, headNorms, norms, products, activations, isGated };
}

/** "in all layers", "in 3 of 4 layers". */
const inLayers = (count: number, all: number): string =>
  count === all ? "in all layers" : `in ${count} of ${all} layers`;

export function featuresOf(config: ModelConfig): Features {
  const architecture = architectureOf(config);
  const { layers, tiedEmbeddings } = architecture;
  const seen = layers.map(look);
  const last = seen.at(-1) as Seen;
  return {
    family: familyName(config),
    features: [
      ...attention(config),
      ...headNorms(last, config),
      ...rotations(seen, config),
      ...windows(architecture),
      feedForward(last),
      ...biases(last),
      ...(tiedEmbeddings ? ["tied embeddings"] : []),
    ],
    unusual: unusual(config, seen),
  };
}

function attention({ attentionHeads, keyValueHeads, headSize, hiddenSize }: ModelConfig): string[] {
  const grouped = keyValueHeads === attentionHeads ? "" : ` over ${keyValueHeads} key and value heads`;
  const own = headSize * attentionHeads === hiddenSize ? "" : ` of ${headSize} (not width / heads)`;
  return grouped + own === "" ? [] : [`${attentionHeads} attention heads${own}${grouped}`];
}

function headNorms({ headNorms: [norm] }: Seen, { headSize }: ModelConfig): string[] {
  if (norm === undefined) return [];
  return [norm.size === headSize ? "norms of each head's queries and keys" : "norms over all queries and all keys"];
}

function rotations(seen: readonly Seen[], { headSize, raw }: ModelConfig): string[] {
  const rotaries = seen.flatMap((layer) => layer.rotaries);
  const [first] = rotaries;
  if (first === undefined) return ["learned positions"];
  const kinds = new Set(rotaries.map(({ name }) => name)).size;
  const partial = first.dimensions === headSize ? "" : ` of ${first.dimensions} of ${headSize} dimensions`;
  const several = kinds === 1 ? "" : `, ${kinds} kinds`;
  return [`rotary positions ${inLayers(rotaries.length, seen.length)}${partial}${several}${scaling(raw)}`];
}

/** The kind of scaling that config.json names. */
function scaling(raw: ModelConfig["raw"]): string {
  const text = JSON.stringify([raw["rope_scaling"], raw["rope_parameters"]]);
  const kinds = ["linear", "dynamic", "llama3", "longrope"].filter((kind) => text.includes(`"${kind}"`));
  return kinds.length === 0 ? "" : `, scaled (${kinds.join(", ")})`;
}

function windows({ layers }: Architecture): string[] {
  const sizes = layers.flatMap(({ attention: { window } }) => (window === undefined ? [] : [window]));
  if (sizes.length === 0) return [];
  return [`attention to a window of ${[...new Set(sizes)].join(", ")} ${inLayers(sizes.length, layers.length)}`];
}

const feedForward = ({ isGated, activations }: Seen): string =>
  `${isGated ? "gated " : ""}feed-forward with ${[...new Set(activations)].join(", ")}`;

function biases({ products }: Seen): string[] {
  const biased = products.filter(({ bias = false }) => bias);
  if (biased.length === 0) return [];
  if (biased.length === products.length) return ["biases"];
  return [`biases of ${[...new Set(biased.map(({ tensor }) => tensor))].join(", ")}`];
}

function unusual({ contextLength, raw }: ModelConfig, seen: readonly Seen[]): string[] {
  const named = raw["max_position_embeddings"];
  const plain = seen.filter(({ rotaries }) => rotaries.length === 0).length;
  return [
    ...(typeof named === "number" && named > contextLength
      ? [`a context of ${contextLength} instead of ${named}: LongRoPE's long factors are not used`]
      : []),
    ...(plain > 0 && plain < seen.length ? [`no positions ${inLayers(plain, seen.length)}`] : []),
    ...(seen.some(({ norms }) => norms.length > 0) ? ["norms behind attention and feed-forward layers"] : []),
  ];
}
