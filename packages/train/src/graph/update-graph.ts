/**
 * The graph of one optimizer step: global-norm clipping and AdamW (decoupled weight decay), for any number of micro-batches.
 *
 * In:  gradient:<name>, moment1:<name>, moment2:<name> and <name> of every trained parameter; learning_rates float32 [G], one
 *      for each group; corrections float32 [2]: 1 / (1 - β1ᵗ) and 1 / (1 - β2ᵗ) at step t from 1. With `scaled`, the gradients
 *      are those of a scaled loss, and inverse_scale float32 [] is what undoes that.
 * Out: gradient_norm float32 [], before clipping and without the scale; <name>.next, moment1:<name>.next, moment2:<name>.next.
 *
 * Outputs may lie in their inputs' memory: every update needs the global norm, so all gradients are read before the first
 * weight is written, and each tensor's last reader is the chain that makes its successor.
 */
import { nextName } from "@dynamo/core";
import { graphBuilder, type GraphBuilder, type OnnxModel, type Value } from "@dynamo/onnx";
import { bytesOf } from "../autodiff/bytes.js";
import { gradientName, opsets } from "./gradient-graph.js";

/** A parameter that AdamW updates. */
export interface TrainedParameter {
  readonly name: string;
  readonly dims: readonly number[];
  /** Which of the learning rates is its own. */
  readonly group: number;
  /** λ of decoupled weight decay; 0 for none. */
  readonly weightDecay: number;
}

/** AdamW's constants, and where gradients are clipped. */
export interface AdamwOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Largest norm of all gradients together; Infinity for no clipping. */
  readonly clipNorm: number;
}

export const moment1Name = (parameter: string): string => `moment1:${parameter}`;
export const moment2Name = (parameter: string): string => `moment2:${parameter}`;

/** The graph of one AdamW update of these parameters. */
export function updateGraph(
  parameters: readonly TrainedParameter[],
  groups: number,
  options: AdamwOptions,
  { scaled = false } = {},
): OnnxModel {
  const graph = graphBuilder("dynamo_update");
  const learningRates = graph.input("learning_rates", "float32", [groups]);
  const corrections = graph.input("corrections", "float32", [2]);
  const gradients = parameters.map(({ name, dims }) => graph.input(gradientName(name), "float32", dims));
  const inverse = scaled ? graph.input("inverse_scale", "float32", []) : undefined;
  const unscaled = (value: Value): Value => (inverse === undefined ? value : graph.op("Mul", [value, inverse]));
  const norm = unscaled(globalNorm(graph.scope("norm"), gradients));
  const shared: Shared = {
    ...numbersOfStep(graph, unscaled(clipFactor(graph.scope("clip"), norm, options.clipNorm)), corrections, options),
    rates: Array.from({ length: groups }, (_, group) => at(graph, learningRates, group)),
  };
  for (const [i, parameter] of parameters.entries())
    updateOne(graph.scope(parameter.name), parameter, gradients[i] as Value, shared, options);
  graph.output("gradient_norm", norm, "float32", []);
  return { graph: graph.finish(), opsets, metadata: {} };
}

/**
 * In: gradient:<name> of every trained parameter. Out: gradient_norm float32 [], of the gradients as they are. Asked before an
 * update that may have to be left out.
 */
export function normGraph(parameters: readonly Pick<TrainedParameter, "name" | "dims">[]): OnnxModel {
  const graph = graphBuilder("dynamo_norm");
  const gradients = parameters.map(({ name, dims }) => graph.input(gradientName(name), "float32", dims));
  graph.output("gradient_norm", globalNorm(graph.scope("norm"), gradients), "float32", []);
  return { graph: graph.finish(), opsets, metadata: {} };
}

/** Numbers of a step. With k the factor of clipping, and of undoing the loss's scale: m̂ / (√v̂ + ε) = m·(c₁/√c₂) / (√v + ε/√c₂). */
interface Shared {
  /** (1-β1)·k and (1-β2)·k²: what a gradient and its square count in the moments. */
  readonly ofMoment1: Value;
  readonly ofMoment2: Value;
  /** ε/√c₂ */
  readonly smallest: Value;
  /** c₁/√c₂ */
  readonly correction: Value;
  readonly rates: readonly Value[];
}

function numbersOfStep(
  graph: GraphBuilder,
  clip: Value,
  corrections: Value,
  { beta1, beta2, epsilon }: AdamwOptions,
): Omit<Shared, "rates"> {
  const op = (type: string, ...inputs: Value[]): Value => graph.op(type, inputs);
  const rootCorrection2 = op("Sqrt", at(graph, corrections, 1));
  return {
    ofMoment1: op("Mul", clip, constant(graph, 1 - beta1)),
    ofMoment2: op("Mul", op("Mul", clip, clip), constant(graph, 1 - beta2)),
    smallest: op("Div", constant(graph, epsilon), rootCorrection2),
    correction: op("Div", at(graph, corrections, 0), rootCorrection2),
  };
}

const constant = (graph: GraphBuilder, value: number): Value =>
  graph.float(value, "float32", (number) => bytesOf(Float32Array.of(number)));

const at = (graph: GraphBuilder, values: Value, index: number): Value =>
  graph.op("Gather", [values, graph.ints([index], { scalar: true })], { attributes: { axis: 0 } });

/** √ΣΣg² */
function globalNorm(graph: GraphBuilder, gradients: readonly Value[]): Value {
  const squares = gradients.map((gradient) => graph.op("ReduceSumSquare", [gradient], { attributes: { keepdims: 0 } }));
  return graph.op("Sqrt", [squares.length === 1 ? squares[0] : graph.op("Sum", squares)]);
}

/** min(1, clipNorm / (norm + 1e-6)). Without clipping it is still computed from the norm: see "in their inputs' memory". */
function clipFactor(graph: GraphBuilder, norm: Value, clipNorm: number): Value {
  const limit = constant(graph, Math.min(clipNorm, 3e38));
  const ratio = graph.op("Div", [limit, graph.op("Add", [norm, constant(graph, 1e-6)])]);
  return graph.op("Min", [ratio, constant(graph, 1)]);
}

/**
 * m ← β1·m + (1-β1)·g, v ← β2·v + (1-β2)·g², w ← (1 - η·λ)·w - η·m̂ / (√v̂ + ε), with m̂ = m/(1-β1ᵗ) and v̂ = v/(1-β2ᵗ).
 * Factors that are numbers are multiplied first (clipping's too), so that as few passes as possible go over the tensors.
 */
function updateOne(
  graph: GraphBuilder,
  { name, dims, group, weightDecay }: TrainedParameter,
  gradient: Value,
  { ofMoment1, ofMoment2, smallest, correction, rates }: Shared,
  { beta1, beta2 }: AdamwOptions,
): void {
  const number = (value: number): Value => constant(graph, value);
  const op = (type: string, ...inputs: Value[]): Value => graph.op(type, inputs);
  const [w, m, v] = [name, moment1Name(name), moment2Name(name)].map((input) =>
    graph.input(input, "float32", dims),
  ) as [Value, Value, Value];
  const rate = rates[group] as Value;
  const nextM = op("Add", op("Mul", m, number(beta1)), op("Mul", gradient, ofMoment1));
  const nextV = op("Add", op("Mul", v, number(beta2)), op("Mul", op("Mul", gradient, gradient), ofMoment2));
  const root = op("Add", op("Sqrt", nextV), smallest);
  const step = op("Mul", op("Div", nextM, root), op("Mul", rate, correction));
  const kept = weightDecay === 0 ? w : op("Mul", w, op("Sub", number(1), op("Mul", rate, number(weightDecay))));
  for (const [parameter, next] of [
    [name, op("Sub", kept, step)],
    [moment1Name(name), nextM],
    [moment2Name(name), nextV],
  ] as const)
    graph.output(nextName(parameter), next, "float32", dims);
}
