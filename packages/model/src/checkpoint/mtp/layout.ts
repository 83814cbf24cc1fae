/** How published checkpoints name the tensors of their multi-token-prediction module. */
import type { HeadKindName } from "../../architectures/heads/head-kind.js";

export interface MtpLayout {
  /** Whose names these are. */
  readonly of: string;
  readonly kind: HeadKindName;
  /** Full names without `.weight`. */
  readonly embeddingNorm: string;
  readonly hiddenNorm: string;
  readonly outputNorm: string;
  readonly projection: string;
  /** What the names of the layer's tensors begin with. */
  readonly layer: string;
  /** Whether the projection's first columns are the state's; else they are the embedding's. */
  readonly isStateFirst: boolean;
  /** Tensors that must be copies of the base's embedding and output embedding, where they are there. */
  readonly copies: { readonly embedding: string; readonly output: string };
}

interface Form {
  /** Finds a module's projection, and in it what tells one module from another. */
  readonly projection: RegExp;
  readonly layout: (module: string) => MtpLayout;
}

const qwen: Form = {
  projection: /^mtp\.fc\.weight$/,
  layout: () => ({
    of: "Qwen",
    kind: "mtp",
    embeddingNorm: "mtp.pre_fc_norm_embedding",
    hiddenNorm: "mtp.pre_fc_norm_hidden",
    outputNorm: "mtp.norm",
    projection: "mtp.fc",
    layer: "mtp.layers.0",
    isStateFirst: false,
    copies: { embedding: "mtp.embed_tokens", output: "mtp.lm_head" },
  }),
};

const mimo: Form = {
  projection: /^model\.mtp_layers\.(\d+)\.input_proj\.weight$/,
  layout: (module) => ({
    of: "MiMo",
    kind: "mtp",
    embeddingNorm: `model.mtp_layers.${module}.token_layernorm`,
    hiddenNorm: `model.mtp_layers.${module}.hidden_layernorm`,
    outputNorm: `model.mtp_layers.${module}.final_layernorm`,
    projection: `model.mtp_layers.${module}.input_proj`,
    layer: `model.mtp_layers.${module}`,
    isStateFirst: true,
    copies: { embedding: `model.mtp_layers.${module}.embed_tokens`, output: `model.mtp_layers.${module}.lm_head` },
  }),
};

const deepseek: Form = {
  projection: /^model\.layers\.(\d+)\.eh_proj\.weight$/,
  layout: (layer) => ({
    of: "DeepSeek",
    kind: "deepseek-mtp",
    embeddingNorm: `model.layers.${layer}.enorm`,
    hiddenNorm: `model.layers.${layer}.hnorm`,
    outputNorm: `model.layers.${layer}.shared_head.norm`,
    projection: `model.layers.${layer}.eh_proj`,
    layer: `model.layers.${layer}`,
    isStateFirst: false,
    copies: { embedding: `model.layers.${layer}.embed_tokens`, output: `model.layers.${layer}.shared_head.head` },
  }),
};

/** The modules of a checkpoint; some have several, each for one further token. */
export function mtpLayouts(names: Iterable<string>): MtpLayout[] {
  const all = [...names];
  return [qwen, mimo, deepseek].flatMap(({ projection, layout }) =>
    all.flatMap((name) => {
      const found = projection.exec(name);
      return found === null ? [] : [layout(found[1] ?? "")];
    }),
  );
}

/** Whether a tensor is part of a module, whole or not. */
export const isMtpTensor = (name: string): boolean =>
  /^mtp\.|^model\.mtp_layers\.|^model\.layers\.\d+\.(eh_proj|enorm|hnorm|shared_head)\./.test(name);
