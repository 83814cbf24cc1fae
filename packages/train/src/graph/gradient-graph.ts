/**
 * The graph of one micro-batch: forward, loss and gradients.
 *
 * In:  tokens int32 [B, S], targets int32 [N, B·S], target_weights float32 [N, B·S], and every parameter by its name; with
 *      `accumulate`, also `gradient:<name>` and keep float32 [] (0 for the first micro-batch of a step).
 * Out: losses float32 [N] (Σ weight · -log p for each head), and `gradient:<name>.next` of every trained parameter.
 */
import { nextName } from "@dynamo/core";
import { graphBuilder, microsoft, type OnnxModel, type Value } from "@dynamo/onnx";
import type { NeoxConfig } from "@dynamo/model";
import { linearCrossEntropy } from "../autodiff/cross-entropy.js";
import { add, scale } from "../autodiff/operators.js";
import { createTape, type Tape, type Variable } from "../autodiff/tape.js";
import { headOutputs, type Shape } from "./neox.js";

export const opsets = { "": 21, [microsoft]: 1 } as const;

export interface GradientGraphOptions extends Shape {
  readonly config: NeoxConfig;
  /** Every parameter of the model. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Which of them are trained; the others are frozen inputs. */
  readonly trained: ReadonlySet<string>;
  readonly stemGradientScale: number;
  /** What each head's loss counts in the total. */
  readonly headWeights: readonly number[];
  readonly accumulate: boolean;
}

export const gradientName = (parameter: string): string => `gradient:${parameter}`;

export function gradientGraph(options: GradientGraphOptions): OnnxModel {
  const graph = graphBuilder("dynamo_training");
  const tape = createTape(graph);
  const { losses, parameters } = lossesOf(tape, options, options.trained);
  const weighted = losses.map((loss, i) => scale(tape, loss, options.headWeights[i] as number));
  const total = weighted.reduce((a, b) => add(tape, a, b));
  const names = [...options.trained];
  const gradients = tape.gradients(
    total,
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
export function lossGraph(options: Omit<GradientGraphOptions, "trained" | "accumulate" | "headWeights">): OnnxModel {
  const graph = graphBuilder("dynamo_evaluation");
  const tape = createTape(graph);
  outputLosses(tape, lossesOf(tape, options, new Set()).losses);
  return { graph: graph.finish(), opsets, metadata: {} };
}

function lossesOf(
  tape: Tape,
  {
    config,
    shapes,
    batch,
    sequence,
    stemGradientScale,
  }: Omit<GradientGraphOptions, "trained" | "accumulate" | "headWeights">,
  trained: ReadonlySet<string>,
): { losses: Variable[]; parameters: ReadonlyMap<string, Variable> } {
  const { graph } = tape;
  const rows = batch * sequence;
  const whole = (value: Value): Value => graph.op("Cast", [value], { attributes: { to: 7 } });
  const tokens = graph.op("Reshape", [whole(graph.input("tokens", "int32", [batch, sequence])), graph.ints([rows])]);
  const targets = whole(graph.input("targets", "int32", [config.tokenHeads, rows]));
  const weights = graph.input("target_weights", "float32", [config.tokenHeads, rows]);
  const parameters = new Map(
    [...shapes].map(([name, dims]) => [name, { ...tape.parameter(name, dims), tracked: trained.has(name) }]),
  );
  const parameter = (name: string): Variable => parameters.get(name) as Variable;
  const outputs = headOutputs(tape, { config, tokens, parameters: parameter, batch, sequence, stemGradientScale });
  const embedding = parameter(config.tiedEmbeddings ? "gpt_neox.embed_in.weight" : "embed_out.weight");
  const ofHead = (value: Value, head: number): Value => {
    const row = graph.op("Gather", [value, graph.ints([head], { scalar: true })], { attributes: { axis: 0 } });
    return graph.op("Reshape", [row, graph.ints([rows, 1])]);
  };
  const losses = outputs.map((hidden, i) =>
    linearCrossEntropy(tape.scope(`head_${i + 1}/loss`), hidden, embedding, {
      ids: ofHead(targets, i),
      weights: ofHead(weights, i),
    }),
  );
  return { losses, parameters };
}

function outputLosses({ graph }: Tape, losses: readonly Variable[]): void {
  const each = losses.map(({ value }) => graph.op("Reshape", [value, graph.ints([1])]));
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
