/** A DynaMo model of any family as a differentiable graph: whole sequences, no cache, every weight a parameter of its own name. */
import { architectureOf, headLayer, headLayerPrefix, type Layer, type ModelConfig, type Rotary } from "@dynamo/model";
import type { Value } from "@dynamo/onnx";
import { bytesOf } from "../autodiff/bytes.js";
import type { CausalBlock, RotaryAngles } from "../autodiff/composites.js";
import { add, gatherRows, scale, scaleGradient } from "../autodiff/operators.js";
import type { Tape, Variable } from "../autodiff/tape.js";
import {
  layerOperations,
  normOf,
  valueOf,
  variableOf,
  type LayerContext,
  type Parameters,
  type Shape,
} from "./layer-operations.js";

export interface HeadInputs extends Shape {
  readonly config: ModelConfig;
  readonly parameters: Parameters;
  /** What heads 2 and up send into the base is scaled by this: LR_MB / LR_B. */
  readonly stemGradientScale: number;
}

export interface ModelInputs extends HeadInputs {
  /** int64 [B·S] */
  readonly tokens: Value;
}

/** Queries in this many blocks: each block leaves out the keys behind it. */
const attentionBlocks = 4;

/** Normalised outputs of heads 1..N, each [B·S, hidden], ready for the output embedding. */
export function headOutputs(tape: Tape, inputs: ModelInputs): Variable[] {
  const { config, parameters } = inputs;
  const { layers, layerPrefix } = architectureOf(config);
  const context = contextOf(tape, inputs);
  const base = (scope: Tape, i: number, x: Variable): Variable =>
    decoderLayer(scope, context, within(parameters, layerPrefix(i)), layers[i] as Layer, x);
  let x = embed(tape.scope("embedding"), inputs);
  const last = layers.length - 1;
  for (let i = 0; i < last; i++) x = base(tape.scope(`stem/layers.${i}`), i, x);
  const first = base(tape.scope("head_1"), last, x);
  return [
    finalNorm(tape, inputs, 1, first),
    ...extraHeads(tape, context, inputs, config.headInput === "stem" ? x : first),
  ];
}

function embed(tape: Tape, { config, parameters, tokens, batch, sequence }: ModelInputs): Variable {
  const rows = batch * sequence;
  return architectureOf(config).embed<Variable>({
    tokens: (tensor) => gatherRows(tape, parameters(`${tensor}.weight`), tokens, rows),
    positions: (tensor) => {
      const places = tape.graph.ints(Array.from({ length: rows }, (_, i) => i % sequence));
      return gatherRows(tape, parameters(`${tensor}.weight`), places, rows);
    },
    add: (a, b) => add(tape, a, b),
    scale: (x, factor) => scale(tape, x, factor),
  });
}

/**
 * Normalised outputs of heads 2..N on what another graph computes, [B·S, hidden]: the stem's output, or the last base
 * layer's where heads are built on that.
 */
export function extraHeadOutputs(tape: Tape, inputs: HeadInputs, base: Variable): Variable[] {
  return extraHeads(tape, contextOf(tape, inputs), inputs, base);
}

/** The final norm on one head's layer output, [B·S, hidden]. */
export const finalNorm = (tape: Tape, { config, parameters }: HeadInputs, head: number, output: Variable): Variable =>
  normOf(tape.scope(`head_${head}/final_norm`), parameters, output, architectureOf(config).finalNorm);

const contextOf = (tape: Tape, { batch, sequence }: HeadInputs): LayerContext => ({
  batch,
  sequence,
  angles: anglesOf(tape, sequence),
  blocks: causalBlocks(sequence),
});

function extraHeads(tape: Tape, context: LayerContext, inputs: HeadInputs, base: Variable): Variable[] {
  const { config, parameters, stemGradientScale } = inputs;
  const outputs: Variable[] = [];
  for (let head = 2; head <= config.tokenHeads; head++) {
    const scope = tape.scope(`head_${head}`);
    const before = config.headInput === "previous" ? outputs.at(-1) : undefined;
    // Only what crosses into the base is scaled, not what head 3 sends into head 2.
    let output = before ?? scaleGradient(scope, base, stemGradientScale);
    for (let layer = 0; layer < config.headLayers; layer++) {
      const inside = config.headLayers === 1 ? scope : scope.scope(`layers.${layer}`);
      const own = within(parameters, headLayerPrefix(config, head, layer));
      output = decoderLayer(inside, context, own, headLayer(config), output);
    }
    outputs.push(output);
  }
  return outputs.map((output, i) => finalNorm(tape, inputs, i + 2, output));
}

const within =
  (parameters: Parameters, prefix: string): Parameters =>
  (name) =>
    parameters(`${prefix}.${name}`);

const decoderLayer = (tape: Tape, context: LayerContext, p: Parameters, layer: Layer, x: Variable): Variable =>
  variableOf(tape, layer.forward(layerOperations(tape, context, p, layer.attention), valueOf(x)));

function causalBlocks(sequence: number): CausalBlock[] {
  const size = Math.ceil(sequence / attentionBlocks);
  const count = Math.ceil(sequence / size);
  return Array.from({ length: count }, (_, i) => ({ from: i * size, to: Math.min(sequence, (i + 1) * size) }));
}

/** Tables of rotations; layers that rotate alike share them. Angle of dimension pair i at a position: position · frequency i. */
function anglesOf(tape: Tape, sequence: number): LayerContext["angles"] {
  return ({ name, dimensions, frequencies: ofShort, scale: factor, long }: Rotary): RotaryAngles => {
    const half = dimensions / 2;
    const frequencies = long !== undefined && sequence > long.behind ? long.frequencies : ofShort;
    const table = (f: (angle: number) => number): Float32Array =>
      Float32Array.from(
        { length: sequence * half },
        (_, i) => f(Math.floor(i / half) * (frequencies[i % half] as number)) * factor,
      );
    const constant = (part: string, f: (angle: number) => number): Value =>
      tape.graph.initializer(`${name}.${part}`, "float32", [sequence, half], () => bytesOf(table(f)), { shared: true });
    return {
      cosines: constant("cosines", Math.cos),
      sines: constant("sines", Math.sin),
      start: tape.graph.ints([0]),
      dimensions,
    };
  };
}
