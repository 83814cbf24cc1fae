/**
 * Reverse-mode differentiation over a graph builder. Operators emit ONNX nodes and note, on a tape, how an adjoint of
 * their output becomes adjoints of their inputs; `gradients` walks the tape backwards and emits the nodes of the gradient
 * into the same graph. All dimensions are static: a training graph is built for one batch size and one sequence length.
 * Variables are float32; matrix products (products.ts) take their operands in the tape's precision.
 */
import { DynamoError } from "@dynamo/core";
import type { GraphBuilder, Value } from "@dynamo/onnx";

/** What matrix products take: everything else is float32 in both. */
export type Precision = "float32" | "float16";

/** A float32 value of a graph with its static dimensions. */
export interface Variable {
  readonly value: Value;
  readonly dims: readonly number[];
  /** A gradient with respect to a parameter flows through it. */
  readonly tracked: boolean;
}

/** Emits one input's adjoint. It is called only when that input's gradient is wanted, so frozen branches cost nothing. */
export type Adjoint = () => Variable;

/**
 * A vector-Jacobian product: from the adjoints of an operator's outputs (undefined where none arrived) to those of its
 * inputs, in their order. `tape` records nothing; its nodes lie in the gradient's scope.
 */
export type VectorJacobianProduct = (
  adjoints: readonly (Variable | undefined)[],
  tape: Tape,
) => readonly (Adjoint | undefined)[];

interface Recorded {
  readonly path: string;
  readonly inputs: readonly Variable[];
  readonly outputs: readonly Variable[];
  readonly vjp: VectorJacobianProduct;
}

/** Records operations for their gradients. */
export interface Tape {
  readonly graph: GraphBuilder;
  readonly precision: Precision;
  /** A value in float16: one cast, however many products take it. */
  half(value: Value): Value;
  /** The same tape, writing under a longer path. */
  scope(path: string): Tape;
  /** An input of the graph whose gradient may be asked for. */
  parameter(name: string, dims: readonly number[]): Variable;
  /** An operator of one output; it is tracked, and recorded, when one of its inputs is tracked. */
  record(
    inputs: readonly Variable[],
    value: Value,
    dims: readonly number[],
    vjp: (adjoint: Variable, tape: Tape) => readonly (Adjoint | undefined)[],
  ): Variable;
  /** An operator of several outputs. */
  recordAll(
    inputs: readonly Variable[],
    outputs: readonly { readonly value: Value; readonly dims: readonly number[] }[],
    vjp: VectorJacobianProduct,
  ): Variable[];
  /** Adds the gradient of the scalar `loss`: one adjoint for each of `parameters`. */
  gradients(loss: Variable, parameters: readonly Variable[]): Variable[];
}

/** A tape over `graph`, where nothing is recorded yet. */
export function createTape(graph: GraphBuilder, precision: Precision = "float32"): Tape {
  return tapeOver(graph, "", [], { precision, halves: new Map() });
}

/** Shared by all scopes of a tape, and by the passes forward and back. */
interface Arithmetic {
  readonly precision: Precision;
  /** Float16 values by the float32 ones that they were cast from. */
  readonly halves: Map<Value, Value>;
}

function tapeOver(graph: GraphBuilder, path: string, records: Recorded[] | undefined, arithmetic: Arithmetic): Tape {
  const { precision, halves } = arithmetic;
  const tape: Tape = {
    graph,
    precision,
    half(value) {
      const cast = halves.get(value) ?? graph.cast(value, "float16");
      halves.set(value, cast);
      return cast;
    },
    scope: (child) => tapeOver(graph.scope(child), `${path}/${child}`, records, arithmetic),
    parameter: (name, dims) => ({ value: graph.input(name, "float32", dims), dims, tracked: records !== undefined }),
    record: (inputs, value, dims, vjp) =>
      tape.recordAll(inputs, [{ value, dims }], ([adjoint], backward) =>
        adjoint === undefined ? [] : vjp(adjoint, backward),
      )[0] as Variable,
    recordAll(inputs, outputs, vjp) {
      const tracked = records !== undefined && inputs.some((input) => input.tracked);
      const variables = outputs.map((output) => ({ ...output, tracked }));
      if (tracked) records.push({ path, inputs, outputs: variables, vjp });
      return variables;
    },
    gradients(loss, parameters) {
      if (loss.dims.length !== 0)
        throw new DynamoError("invalid-argument", `a loss is a scalar, received dims [${loss.dims.join(", ")}]`);
      const backward = tapeOver(graph.scope("gradient"), "/gradient", undefined, arithmetic);
      return walkBack(backward, records ?? [], loss, parameters);
    },
  };
  return tape;
}

function walkBack(
  tape: Tape,
  records: readonly Recorded[],
  loss: Variable,
  parameters: readonly Variable[],
): Variable[] {
  const one = tape.graph.float(1, "float32", (value) => new Uint8Array(Float32Array.of(value).buffer));
  const adjoints = new Map<Value, Variable>([[loss.value, { value: one, dims: [], tracked: false }]]);
  for (const { path, inputs, outputs, vjp } of records.toReversed()) {
    const arrived = outputs.map(({ value }) => adjoints.get(value));
    if (arrived.every((adjoint) => adjoint === undefined)) continue;
    const scope = tape.scope(path.slice(1));
    const products = vjp(arrived, scope);
    for (const [i, input] of inputs.entries()) {
      const product = input.tracked ? products[i]?.() : undefined;
      if (product !== undefined) adjoints.set(input.value, plus(scope, adjoints.get(input.value), product));
    }
    for (const { value } of outputs) adjoints.delete(value);
  }
  return parameters.map(({ value, dims }) => {
    const adjoint = adjoints.get(value);
    if (adjoint === undefined) throw new DynamoError("invalid-argument", `the loss does not depend on ${value}`);
    return { ...adjoint, dims };
  });
}

/** Several uses of a value: its adjoint is the sum of theirs. */
function plus(tape: Tape, before: Variable | undefined, product: Variable): Variable {
  if (before === undefined) return product;
  return { ...product, value: tape.graph.op("Add", [before.value, product.value]) };
}
