/**
 * Floating-point operations of a pass, computed from a model's graph: two for each multiply-add of its matrix products,
 * attention's included. What is linear in the activations (norms, softmax, GELU, look-ups) is not counted, as usual.
 */
import { stat, open } from "node:fs/promises";
import { join } from "node:path";
import { DynamoError } from "@dynamo/core";
import { checkOptions, checkValue, flag, required, whole, type OptionChecks } from "@dynamo/core/options";
import { graphPath, type ModelDType } from "@dynamo/model";
import { readOnnxGraph, type GraphStructure, type OnnxNode } from "@dynamo/onnx";
import { folderCheck } from "../arguments.js";
import { graphCheck } from "./graph-check.js";
import { intOf, outputShapes, product, type Shaped } from "./shapes.js";

/** A forward pass; a position's cost depends on how much the row holds already. */
export interface PassShape {
  /** Default 1. */
  readonly rows?: number | undefined;
  /** Positions fed to each row. */
  readonly newPositions: number;
  /** Of these, positions that logits are wanted of. Default 1. */
  readonly wanted?: number | undefined;
  /** Positions that each row holds already. */
  readonly past: number;
  /** Heads 2..N run too. */
  readonly allHeads: boolean;
}

const passChecks: OptionChecks<PassShape> = {
  rows: whole(1),
  newPositions: required(whole(1)),
  wanted: whole(0),
  past: required(whole(0)),
  allHeads: required(flag),
};

/** Of a model folder's graph. Throws `not-found` and `invalid-file`. */
export async function readModelGraph(folder: string, dtype: ModelDType): Promise<GraphStructure> {
  checkValue("folder", folder, folderCheck);
  const path = join(folder, graphPath(dtype));
  const found = await stat(path).catch((cause: unknown) => {
    throw new DynamoError("not-found", `cannot read ${path}`, { cause });
  });
  const file = await open(path, "r");
  try {
    const read = async (offset: number, length: number): Promise<Uint8Array> => {
      const bytes = new Uint8Array(Math.min(length, Math.max(0, found.size - offset)));
      const { bytesRead } = await file.read(bytes, 0, bytes.length, offset);
      return bytes.subarray(0, bytesRead);
    };
    return await readOnnxGraph(read, found.size);
  } finally {
    await file.close();
  }
}

/**
 * Throws `unsupported` for a graph with operators or inputs that are not known here: better no figure than one that leaves
 * products out.
 */
export function passFlops(graph: GraphStructure, pass: PassShape): number {
  checkValue("graph", graph, graphCheck);
  checkOptions("passFlops()", pass, passChecks);
  const { rows = 1, newPositions, wanted = 1, past, allHeads } = pass;
  const sizes = new Map([
    ["B", rows],
    ["S", newPositions],
    ["P", wanted],
    ["C", past],
  ]);
  const known = new Map([
    ["all_heads", [allHeads ? 1 : 0]],
    ["top_k", [1]],
  ]);
  const values = new Map<string, Shaped>();
  for (const { name, dims, values: constant } of graph.initializers) values.set(name, { dims, values: constant });
  for (const { name, dims } of graph.inputs) {
    const own = dims.map((dim) => {
      const size = typeof dim === "number" ? dim : (sizes.get(dim) ?? ringSize(dim, past));
      if (size === undefined)
        throw new DynamoError(
          "unsupported",
          `input ${name}: expected dims of B, S, P, C and C with a room, received ${dim}`,
        );
      return size;
    });
    values.set(name, { dims: own, values: known.get(name) });
  }
  return walkNodes(graph.nodes, values);
}

/** Places that a ring has with so many positions behind: a graph calls this axis C and the room that it has. */
function ringSize(axis: string, past: number): number | undefined {
  const [, room] = /^C(\d+)$/.exec(axis) ?? [];
  return room === undefined ? undefined : Math.min(past, Number(room));
}

/** The rooms of a graph's rings: with these many positions behind a pass they end to grow. */
export const ringRooms = ({ inputs }: GraphStructure): number[] =>
  inputs.flatMap(({ dims }) => dims.flatMap((dim) => ringSize(String(dim), Infinity) ?? []));

function walkNodes(nodes: readonly OnnxNode[], values: Map<string, Shaped>): number {
  let flops = 0;
  for (const node of nodes) {
    const inputs = node.inputs.map((name) => (name === "" ? undefined : values.get(name)));
    if (node.opType === "If") flops += walkBranch(node, inputs[0], values);
    else {
      const outputs = outputShapes(node, inputs);
      for (const [i, name] of node.outputs.entries()) values.set(name, outputs[i] ?? { dims: [] });
      flops += productFlops(node, inputs, outputs);
    }
  }
  return flops;
}

/** The branch that runs: its outputs become the node's. */
function walkBranch(node: OnnxNode, condition: Shaped | undefined, values: Map<string, Shaped>): number {
  const [chosen] = condition?.values ?? [];
  const branch = chosen === undefined ? undefined : node.attributes[chosen === 0 ? "else_branch" : "then_branch"];
  if (branch?.kind !== "graph")
    throw new DynamoError("unsupported", `${node.name}: which branch runs is not known before the pass`);
  const flops = walkNodes(branch.value.nodes, values);
  for (const [i, name] of node.outputs.entries())
    values.set(name, values.get(branch.value.outputs[i]?.name ?? "") ?? { dims: [] });
  return flops;
}

function productFlops(node: OnnxNode, [a]: readonly (Shaped | undefined)[], [output]: readonly Shaped[]): number {
  const dims = a?.dims ?? [];
  switch (node.opType) {
    case "MatMul":
    case "MatMulInteger":
    case "MatMulNBits":
    case "FusedMatMul":
      return 2 * product(output?.dims ?? []) * (dims.at(-1) ?? 0);
    case "Gemm":
      return 2 * product(output?.dims ?? []) * (dims[intOf(node, "transA", 0) === 1 ? 0 : 1] ?? 0);
    default:
      return 0;
  }
}
