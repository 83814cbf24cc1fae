/** What is worth knowing of a model's mathematics, in words: found by looking at what its layers ask for. */
import { lastAttending, type Architecture } from "./architecture.js";
import { architectureOf, familyName, type ModelConfig } from "./config.js";
import { partsOf, type LayerParts } from "./layer-parts.js";

/** A model's family, and its mathematics in words. */
export interface Features {
  /** For people: "Llama". */
  readonly family: string;
  /** A phrase each. */
  readonly features: readonly string[];
  /** What may surprise who knows the model, a phrase each. */
  readonly unusual: readonly string[];
}

/** "in all layers", "in 3 of 4 layers". */
const inLayers = (count: number, all: number): string =>
  count === all ? "in all layers" : `in ${count} of ${all} layers`;

export function featuresOf(config: ModelConfig): Features {
  const architecture = architectureOf(config);
  const { layers, tiedEmbeddings, logitCap } = architecture;
  const softCap = layers.at(-1)?.attention.softCap;
  const seen = layers.map(partsOf);
  const last = seen.at(-1) as LayerParts;
  return {
    family: familyName(config),
    features: [
      ...attention(config),
      ...convolutions(architecture),
      ...headNorms(partsOf(lastAttending(architecture)), config),
      ...rotations(seen, config),
      ...windows(architecture),
      feedForward(last),
      ...biases(last),
      ...(tiedEmbeddings ? ["tied embeddings"] : []),
      ...(softCap === undefined ? [] : [`scores of attention capped at ${softCap}`]),
      ...(logitCap === undefined ? [] : [`logits capped at ${logitCap}`]),
    ],
    unusual: unusual(config, architecture),
  };
}

function attention({ attentionHeads, keyValueHeads, headSize, hiddenSize }: ModelConfig): string[] {
  const grouped = keyValueHeads === attentionHeads ? "" : ` over ${keyValueHeads} key and value heads`;
  const own = headSize * attentionHeads === hiddenSize ? "" : ` of ${headSize} (not width / heads)`;
  return grouped + own === "" ? [] : [`${attentionHeads} attention heads${own}${grouped}`];
}

function headNorms({ headNorms: [norm] }: LayerParts, { headSize }: ModelConfig): string[] {
  if (norm === undefined) return [];
  return [norm.size === headSize ? "norms of each head's queries and keys" : "norms over all queries and all keys"];
}

function rotations(seen: readonly LayerParts[], { headSize, raw }: ModelConfig): string[] {
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
  const kinds = ["linear", "dynamic", "yarn", "llama3", "longrope"].filter((kind) => text.includes(`"${kind}"`));
  return kinds.length === 0 ? "" : `, scaled (${kinds.join(", ")})`;
}

function convolutions({ layers }: Architecture): string[] {
  const all = layers.flatMap(({ convolution }) => (convolution === undefined ? [] : [convolution]));
  if (all.length === 0) return [];
  const taps = [...new Set(all.map((each) => each.taps))].join(", ");
  return [`short convolutions of ${taps} taps ${inLayers(all.length, layers.length)}`];
}

function windows({ layers }: Architecture): string[] {
  const sizes = layers.flatMap(({ attention: { window } }) => (window === undefined ? [] : [window]));
  if (sizes.length === 0) return [];
  return [`attention to a window of ${[...new Set(sizes)].join(", ")} ${inLayers(sizes.length, layers.length)}`];
}

const feedForward = ({ isGated, activations }: LayerParts): string =>
  `${isGated ? "gated " : ""}feed-forward with ${[...new Set(activations)].join(", ")}`;

function biases({ products }: LayerParts): string[] {
  const biased = products.filter(({ bias = false }) => bias);
  if (biased.length === 0) return [];
  if (biased.length === products.length) return ["biases"];
  return [`biases of ${[...new Set(biased.map(({ tensor }) => tensor))].join(", ")}`];
}

function unusual({ contextLength }: ModelConfig, { layers }: Architecture): string[] {
  const seen = layers.map(partsOf);
  const attending = layers.filter(({ convolution }) => convolution === undefined).map(partsOf);
  const plain = attending.filter(({ rotaries }) => rotaries.length === 0).length;
  const short = seen.flatMap(({ rotaries }) => rotaries.flatMap(({ long }) => long?.behind ?? []))[0];
  return [
    ...(short === undefined
      ? []
      : [
          `LongRoPE: a cache for more than ${short} of ${contextLength} positions is rotated as a long text from its start`,
        ]),
    ...(plain > 0 && plain < attending.length ? [`no positions ${inLayers(plain, seen.length)}`] : []),
    ...(seen.some(({ norms }) => norms.length > 0) ? ["norms behind attention and feed-forward layers"] : []),
  ];
}
