/** `dynamo inspect`: what is in a model folder or a checkpoint. */
import { sizeText } from "@dynamo/core";
import {
  headKindOf,
  inspectModel,
  parameterOverhead,
  type GraphReport,
  type HeadInput,
  type ModelReport,
  type ModelConfig,
} from "@dynamo/model";
import { localFolder } from "../hub-place.js";
import { paint } from "../paint.js";
import type { InspectOptions } from "../schemas/models.js";

export async function inspect(model: string | undefined, { json }: InspectOptions, signal: AbortSignal): Promise<void> {
  const named = model ?? (await import("@dynamo/stories")).modelPath;
  const report = await inspectModel(await localFolder(named, { as: "either" }, signal));
  if (json) console.log(JSON.stringify(report));
  else for (const [label, value] of describe(report)) console.log(`${paint.dim(label.padEnd(16))} ${value}`);
}

const million = (n: number): string => `${(n / 1e6).toFixed(2)} M`;

function describe({
  location,
  kind,
  config,
  architecture,
  parameters,
  untrainedHeads,
  graphs,
  mask,
  conditionalFile,
  tokenizerFiles,
  warnings,
}: ModelReport): [string, string][] {
  const overhead = (100 * parameterOverhead(config, config.tokenHeads)).toFixed(2);
  return [
    ["folder", `${location} (${kind})`],
    ["family", `${architecture.family}: ${architecture.features.join("; ")}`],
    ...architecture.unusual.map((each): [string, string] => ["unusual", paint.yellow(each)]),
    [
      "shape",
      `${config.layers} layers, width ${config.hiddenSize}, ${config.attentionHeads} attention heads, vocabulary ${config.vocabularySize}, context ${config.contextLength}`,
    ],
    [
      "token heads",
      `${config.tokenHeads}${untrainedHeads.length > 0 ? paint.yellow(` (untrained: ${untrainedHeads.join(", ")})`) : ""}`,
    ],
    ...describeHeads(config),
    ...describeConditional(config, conditionalFile),
    [
      "parameters",
      `${million(parameters.withTokenHeads)}, of which base ${million(parameters.base)} (heads add ${overhead} %)`,
    ],
    ...graphs.flatMap(describeGraph),
    ...(mask === undefined
      ? []
      : ([
          [
            "mask",
            `order ${mask.order}, ${sizeText(mask.bytes)}: ${mask.stored.map((n, i) => `${n} of order ${i + 1}`).join(", ")}; ${mask.totals[0] ?? 0} tokens counted`,
          ],
        ] as [string, string][])),
    ...tokenizerFiles.map(({ path, bytes }): [string, string] => ["file", `${path} (${sizeText(bytes)})`]),
    ...warnings.map((each): [string, string] => ["warning", paint.yellow(each)]),
  ];
}

const headInputs: Readonly<Record<HeadInput, string>> = {
  stem: "the penultimate base layer",
  last: "the last base layer",
  previous: "the head before (head 2: the last base layer)",
};

/** What heads 2 and up are made of. */
function describeHeads(config: ModelConfig): [string, string][] {
  const { tokenHeads, headLayers, headInput, ownOutputEmbedding } = config;
  if (tokenHeads === 1) return [];
  const { layerName, input } = headKindOf(config);
  if (input === "pairs")
    return [["heads 2 and up", `one ${layerName[0]} for all, over the base's final state and the tokens between`]];
  const layers = `${headLayers} ${layerName[headLayers === 1 ? 0 : 1]}`;
  const base = input === "normed" ? "the base's final state" : headInputs[headInput];
  const embedding = ownOutputEmbedding ? ", an output embedding each" : "";
  const options = `headLayers ${headLayers}, headInput ${headInput}${ownOutputEmbedding ? ", ownOutputEmbedding" : ""}`;
  return [["heads 2 and up", `${layers} each on ${base}${embedding} (${options})`]];
}

function describeConditional({ conditional }: ModelConfig, file: ModelReport["conditionalFile"]): [string, string][] {
  const { pairs = 0, between = 0 } = conditional ?? {};
  const parts = [
    ...(pairs > 0 ? [`pairs of rank ${pairs}`] : []),
    ...(between > 0 ? [`between of width ${between}`] : []),
  ];
  if (parts.length === 0) return [];
  const place = file === undefined ? "" : `${file.path} (${sizeText(file.bytes)}), `;
  return [["conditional", `${place}${parts.join(", ")}: heads know the tokens between`]];
}

function describeGraph({ path, bytes, operators, opsets, initializers, metadata }: GraphReport): [string, string][] {
  const used = Object.entries(operators).sort((a, b) => b[1] - a[1]);
  // The config that the graph was made for is config.json, or a warning says how they differ.
  const { "dynamo.config": _, ...said } = metadata;
  const facts = Object.entries(said).map(([key, value]) => `${key}=${value}`);
  return [
    [
      "graph",
      `${path} (${sizeText(bytes)}), ${initializers.length} tensors, opset ${opsets[""] ?? "?"}, ${facts.join(", ")}`,
    ],
    ["operators", used.map(([name, count]) => `${count} ${name}`).join(", ")],
  ];
}
