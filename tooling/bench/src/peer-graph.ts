/**
 * A GPT-NeoX graph in the form in which Optimum exports it and transformers.js runs it: one head, the whole KV cache out
 * and in again every step. Same weights as ours; rotation and 4-bit products by the same operators, to its advantage.
 */
import { quantize, blockSize } from "@dynamo/model/convert";
import type { ModelConfig } from "@dynamo/model";
import { neoxSettings } from "./neox-settings.js";
import { graphBuilder, microsoft, type GraphBuilder, type OnnxModel, type Value } from "@dynamo/onnx";

export type Read = (name: string) => Promise<Float32Array>;

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Uint8Array): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

interface Context {
  readonly config: ModelConfig;
  readonly read: Read;
  readonly bits: 4 | 32;
  readonly positionIds: Value;
  readonly cosines: Value;
  readonly sines: Value;
  /** [B, 1, S, T] */
  readonly mask: Value;
}

export function peerGraph(config: ModelConfig, read: Read, bits: 4 | 32): OnnxModel {
  const graph = graphBuilder("peer");
  const ids = graph.input("input_ids", "int64", ["batch_size", "sequence_length"]);
  const attentionMask = graph.input("attention_mask", "int64", ["batch_size", "total_length"]);
  const positionIds = graph.input("position_ids", "int64", ["batch_size", "sequence_length"]);
  const past = Array.from({ length: config.layers }, (_, i) =>
    (["key", "value"] as const).map((kind) =>
      graph.input(`past_key_values.${i}.${kind}`, "float32", [
        "batch_size",
        config.attentionHeads,
        "past_length",
        config.headSize,
      ]),
    ),
  );
  const context: Context = {
    config,
    read,
    bits,
    positionIds,
    ...tables(graph, config),
    mask: maskOf(graph, ids, attentionMask),
  };
  let x = graph.op("Gather", [
    vector(graph, "gpt_neox.embed_in.weight", read, [config.vocabularySize, config.hiddenSize]),
    ids,
  ]);
  for (const [i, [key, value]] of past.entries()) x = layer(graph, context, i, x, key ?? "", value ?? "");
  const logits = product(
    graph,
    context,
    norm(graph, context, x, "gpt_neox.final_layer_norm"),
    "embed_out",
    config.hiddenSize,
    config.vocabularySize,
  );
  graph.output("logits", logits, "float32", ["batch_size", "sequence_length", config.vocabularySize]);
  return { graph: graph.finish(), opsets: { "": 21, [microsoft]: 1 }, metadata: {} };
}

function vector(graph: GraphBuilder, name: string, read: Read, dims: readonly number[]): Value {
  return graph.initializer(name, "float32", dims, async () => bytesOf(await read(name)));
}

function tables(graph: GraphBuilder, config: ModelConfig): { cosines: Value; sines: Value } {
  const { contextLength } = config;
  const { rotaryDimensions, rotaryBase } = neoxSettings(config);
  const half = rotaryDimensions / 2;
  const table = (name: string, f: (x: number) => number): Value =>
    graph.initializer(name, "float32", [contextLength, half], () =>
      bytesOf(
        Float32Array.from({ length: contextLength * half }, (_, i) =>
          f(Math.floor(i / half) * rotaryBase ** ((-2 * (i % half)) / rotaryDimensions)),
        ),
      ),
    );
  return { cosines: table("cosines", Math.cos), sines: table("sines", Math.sin) };
}

/** Causal: query s of S sees the first T - S + s + 1 of T positions. */
function maskOf(graph: GraphBuilder, ids: Value, attentionMask: Value): Value {
  const float = (value: number): Value => graph.float(value, "float32", (x) => bytesOf(Float32Array.of(x)));
  const size = (value: Value): Value =>
    graph.op("Squeeze", [graph.op("Shape", [value], { attributes: { start: 1, end: 2 } })]);
  const [newCount, total] = [size(ids), size(attentionMask)];
  const [zero, one] = [graph.ints([0], { scalar: true }), graph.ints([1], { scalar: true })];
  const columns = graph.op("Range", [zero, total, one]);
  const rows = graph.op("Range", [graph.op("Sub", [total, newCount]), total, one]);
  const visible = graph.op("LessOrEqual", [columns, graph.op("Unsqueeze", [rows, graph.ints([1])])]);
  return graph.op("Unsqueeze", [graph.op("Where", [visible, float(0), float(-1e9)]), graph.ints([0, 1])]);
}

function norm(graph: GraphBuilder, { config, read }: Context, x: Value, name: string): Value {
  const [gain, shift] = ["weight", "bias"].map((part) => vector(graph, `${name}.${part}`, read, [config.hiddenSize]));
  return graph.op("LayerNormalization", [x, gain, shift], {
    attributes: { axis: -1, epsilon: { float: neoxSettings(config).layerNormEpsilon } },
  });
}

function product(
  graph: GraphBuilder,
  { read, bits }: Context,
  x: Value,
  name: string,
  inputs: number,
  outputs: number,
  biased = false,
): Value {
  const load = (): Promise<Float32Array> => read(`${name}.weight`);
  const y =
    bits === 4 ? quantized(graph, x, name, inputs, outputs, load) : plain(graph, x, name, inputs, outputs, load);
  return biased ? graph.op("Add", [y, vector(graph, `${name}.bias`, read, [outputs])]) : y;
}

function plain(
  graph: GraphBuilder,
  x: Value,
  name: string,
  inputs: number,
  outputs: number,
  load: () => Promise<Float32Array>,
): Value {
  const weight = graph.initializer(`${name}.weight`, "float32", [inputs, outputs], async () => {
    const [rows, columns] = [await load(), new Float32Array(inputs * outputs)];
    for (let i = 0; i < outputs; i++)
      for (let j = 0; j < inputs; j++) columns[j * outputs + i] = rows[i * inputs + j] ?? 0;
    return bytesOf(columns);
  });
  return graph.op("MatMul", [x, weight]);
}

function quantized(
  graph: GraphBuilder,
  x: Value,
  name: string,
  inputs: number,
  outputs: number,
  load: () => Promise<Float32Array>,
): Value {
  const blocks = Math.ceil(inputs / blockSize);
  const make = async (): Promise<ReturnType<typeof quantize>> => quantize(await load(), outputs, inputs, 4);
  const values = graph.initializer(`${name}.q`, "uint8", [outputs, blocks, blockSize / 2], async () =>
    bytesOf((await make()).values),
  );
  const scales = graph.initializer(`${name}.s`, "float32", [outputs, blocks], async () =>
    bytesOf((await make()).scales),
  );
  const attributes = { K: inputs, N: outputs, bits: 4, block_size: blockSize, accuracy_level: 4 };
  return graph.op("MatMulNBits", [x, values, scales], { domain: microsoft, attributes });
}

function layer(
  graph: GraphBuilder,
  context: Context,
  index: number,
  x: Value,
  pastKey: Value,
  pastValue: Value,
): Value {
  const { config, positionIds, cosines, sines, mask } = context;
  const { hiddenSize, attentionHeads, headSize, intermediateSize } = config;
  const { rotaryDimensions } = neoxSettings(config);
  const scope = graph.scope(`layers.${index}`);
  const name = `gpt_neox.layers.${index}`;
  const fused = product(
    scope,
    context,
    norm(scope, context, x, `${name}.input_layernorm`),
    `${name}.attention.query_key_value`,
    hiddenSize,
    3 * hiddenSize,
    true,
  );
  const split = scope.op(
    "Transpose",
    [scope.op("Reshape", [fused, scope.ints([0, 0, attentionHeads, 3 * headSize])])],
    { attributes: { perm: [0, 2, 1, 3] } },
  );
  const [q, k, v] = scope.ops("Split", [split], 3, { attributes: { axis: -1, num_outputs: 3 } });
  const rotate = (value: Value | undefined): Value =>
    scope.op("RotaryEmbedding", [value, positionIds, cosines, sines], {
      domain: microsoft,
      attributes: { interleaved: 0, num_heads: attentionHeads, rotary_embedding_dim: rotaryDimensions },
    });
  const keys = scope.op("Concat", [pastKey, rotate(k)], { attributes: { axis: 2 } });
  const values = scope.op("Concat", [pastValue, v], { attributes: { axis: 2 } });
  for (const [kind, value] of [
    ["key", keys],
    ["value", values],
  ] as const) {
    graph.output(`present.${index}.${kind}`, value, "float32", [
      "batch_size",
      attentionHeads,
      "total_length",
      headSize,
    ]);
  }
  const scale = graph.float(1 / Math.sqrt(headSize), "float32", (value) => bytesOf(Float32Array.of(value)));
  const scores = scope.op("MatMul", [
    scope.op("Mul", [rotate(q), scale]),
    scope.op("Transpose", [keys], { attributes: { perm: [0, 1, 3, 2] } }),
  ]);
  const attended = scope.op("MatMul", [
    scope.op("Softmax", [scope.op("Add", [scores, mask])], { attributes: { axis: -1 } }),
    values,
  ]);
  const merged = scope.op("Reshape", [
    scope.op("Transpose", [attended], { attributes: { perm: [0, 2, 1, 3] } }),
    scope.ints([0, 0, hiddenSize]),
  ]);
  const attention = product(scope, context, merged, `${name}.attention.dense`, hiddenSize, hiddenSize, true);
  const up = product(
    scope,
    context,
    norm(scope, context, x, `${name}.post_attention_layernorm`),
    `${name}.mlp.dense_h_to_4h`,
    hiddenSize,
    intermediateSize,
    true,
  );
  const mlp = product(
    scope,
    context,
    scope.op("Gelu", [up], { domain: microsoft }),
    `${name}.mlp.dense_4h_to_h`,
    intermediateSize,
    hiddenSize,
    true,
  );
  return scope.op("Add", [scope.op("Add", [x, attention]), mlp]);
}
