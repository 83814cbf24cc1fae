/**
 * The graph of one micro-batch: forward, loss and gradients.
 *
 * In:  tokens int32 [B, S], targets int32 [N, B·S], target_weights float32 [N, B·S], and every parameter by its name; with
 *      `accumulate`, also `gradient:<name>` and keep float32 [] (0 for the first micro-batch of a step); in float16 also
 *      loss_scale float32 []. With `stem`, what a stem session computed stands in the tokens' place, and N is the number of
 *      heads that this graph has: stem-input.ts.
 * Out: losses float32 [N] (Σ weight · -log p for each head; behind them those of heads 2..N behind the true tokens between, where they
 *      have conditional parts), and `gradient:<name>.next` of every trained parameter, in float16
 *      times loss_scale.
 */
import { nextName } from "@dynamo/core";
import { graphBuilder, microsoft, type GraphBuilder, type OnnxModel, type Value } from "@dynamo/onnx";
import { architectureOf, outputEmbedding, type ModelConfig } from "@dynamo/model";
import type { Output } from "../autodiff/cross-entropy.js";
import { add, multiply, scale } from "../autodiff/operators.js";
import { createTape, type Precision, type Tape, type Variable } from "../autodiff/tape.js";
import { headLoss, type HeadLoss } from "./head-loss.js";
import { headOutputs, type HeadInputs } from "./decoder.js";
import type { Shape } from "./layer-operations.js";
import { conditionalOutputs } from "./conditional.js";
import { adaptedParameters, type HeadLora } from "./lora.js";
import { headsOnStem, type StemInput } from "./stem-input.js";

export const opsets = { "": 21, [microsoft]: 1 } as const;

/** What the losses are computed from, in training and evaluation. */
export interface LossGraphOptions extends Shape {
  readonly config: ModelConfig;
  /** Every parameter that the graph uses. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly stemGradientScale: number;
  /** Set when heads 2..N are low-rank updates of copied weights. */
  readonly lora?: HeadLora | undefined;
  /** Set when the stem is a session of its own. */
  readonly stem?: StemInput;
}

/** Options of a graph of losses and gradients. */
export interface GradientGraphOptions extends LossGraphOptions {
  /** Which of the parameters are trained; the others are frozen inputs. */
  readonly trained: ReadonlySet<string>;
  /** What each head's loss counts in the total; a conditional part's counts as its head's. */
  readonly headWeights: readonly number[];
  /** From 0 to 1: how much heads 2..N learn from head 1's distribution, instead of from the tokens alone; see head-loss.ts. */
  readonly distillation?: number;
  readonly accumulate: boolean;
  /** Of the matrix products; float32 when absent. */
  readonly precision?: Precision;
}

export const gradientName = (parameter: string): string => `gradient:${parameter}`;

/** The graph of losses and of the trained parameters' gradients. */
export function gradientGraph(options: GradientGraphOptions): OnnxModel {
  const graph = graphBuilder("dynamo_training");
  const tape = createTape(graph, options.precision);
  const { losses, parameters } = lossesOf(tape, options, options.trained, options.distillation);
  const weightOf = (head: number): number => options.headWeights.at(head - options.config.tokenHeads - 1) as number;
  const counting = losses.filter(({ objective }) => objective.tracked);
  const weighted = counting.map(({ head, objective }) => scale(tape, objective, weightOf(head)));
  const total = weighted.reduce((a, b) => add(tape, a, b));
  const names = [...options.trained];
  const gradients = tape.gradients(
    tape.precision === "float16" ? multiply(tape, total, tape.parameter("loss_scale", [])) : total,
    names.map((name) => parameters.get(name) as Variable),
  );
  outputLosses(tape, losses);
  const keep = options.accumulate ? graph.input("keep", "float32", []) : undefined;
  for (const [i, name] of names.entries()) {
    const { value, dims } = gradients[i] as Variable;
    graph.output(nextName(gradientName(name)), accumulated(tape, name, value, dims, keep), "float32", dims);
  }
  return { graph: graph.finish(), opsets, metadata: {} };
}

/** Losses alone, for evaluation. */
export function lossGraph(options: LossGraphOptions): OnnxModel {
  const graph = graphBuilder("dynamo_evaluation");
  const tape = createTape(graph);
  outputLosses(tape, lossesOf(tape, options, new Set()).losses);
  return { graph: graph.finish(), opsets, metadata: {} };
}

function lossesOf(
  tape: Tape,
  options: LossGraphOptions,
  trained: ReadonlySet<string>,
  distillation = 0,
): { losses: LossOfHead[]; parameters: ReadonlyMap<string, Variable> } {
  const { graph } = tape;
  const { config, shapes, stem } = options;
  const rows = options.batch * options.sequence;
  const parameters = new Map(
    [...shapes].map(([name, dims]) => [name, { ...tape.parameter(name, dims), tracked: trained.has(name) }]),
  );
  const parameter = adaptedParameters(tape, parameters, options.lora);
  const inputs = { ...options, parameters: parameter };
  const outputs = stem === undefined ? onTokens(tape, inputs) : headsOnStem(tape, inputs, stem);
  const targets = whole(graph, graph.input("targets", "int32", [outputs.length, rows]));
  const weights = graph.input("target_weights", "float32", [outputs.length, rows]);
  const cap = architectureOf(config).logitCap;
  const outputOf = (head: number): Output => ({ embedding: parameter(outputEmbedding(config, head)), cap });
  const ofHead = (value: Value, i: number): Value => {
    const row = graph.op("Gather", [value, graph.ints([i], { scalar: true })], { attributes: { axis: 0 } });
    return graph.op("Reshape", [row, graph.ints([rows, 1])]);
  };
  const first = config.tokenHeads - outputs.length + 1;
  const lossOf = (head: number, hidden: Variable, scope: string): LossOfHead => ({
    head,
    ...headLoss(tape.scope(scope), hidden, {
      head,
      output: outputOf(head),
      targets: { ids: ofHead(targets, head - first), weights: ofHead(weights, head - first) },
      distillation,
      sequence: options.sequence,
      teacher: first === 1 ? { hidden: outputs[0] as Variable, output: outputOf(1) } : undefined,
    }),
  });
  const next = outputs.map((_, i) => graph.op("Reshape", [ofHead(targets, i), graph.ints([rows])]));
  const behind = conditionalOutputs(tape, inputs, outputs, next.slice(0, -1));
  const losses = [
    ...outputs.map((hidden, i) => lossOf(first + i, hidden, `head_${first + i}/loss`)),
    ...behind.map((hidden, i) => lossOf(i + 2, hidden, `head_${i + 2}/conditional_loss`)),
  ];
  return { losses, parameters };
}

interface LossOfHead extends HeadLoss {
  readonly head: number;
}

const whole = (graph: GraphBuilder, value: Value): Value => graph.cast(value, "int64");

/** All heads, from tokens int32 [B, S]. */
function onTokens(tape: Tape, inputs: HeadInputs): Variable[] {
  const { graph } = tape;
  const { batch, sequence } = inputs;
  const ids = whole(graph, graph.input("tokens", "int32", [batch, sequence]));
  return headOutputs(tape, { ...inputs, tokens: graph.op("Reshape", [ids, graph.ints([batch * sequence])]) });
}

function outputLosses({ graph }: Tape, losses: readonly HeadLoss[]): void {
  const each = losses.map(({ crossEntropy }) => graph.op("Reshape", [crossEntropy, graph.ints([1])]));
  graph.output("losses", graph.op("Concat", each, { attributes: { axis: 0 } }), "float32", [losses.length]);
}

/** keep · (what earlier micro-batches left) + this one's gradient */
function accumulated(
  { graph }: Tape,
  name: string,
  gradient: Value,
  dims: readonly number[],
  keep: Value | undefined,
): Value {
  if (keep === undefined) return gradient;
  const before = graph.input(gradientName(name), "float32", dims);
  return graph.op("Add", [graph.op("Mul", [before, keep]), gradient]);
}
