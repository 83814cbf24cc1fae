/** What passFlops() must be given as a graph, down to the attributes of its nodes. */
import { finite, isPlainObject, listOf, text, valueCheck, whole, type ValueCheck } from "@dynamo/core/options";
import type { GraphStructure } from "@dynamo/onnx";

type Accepts = (value: unknown) => boolean;

const list =
  (accepts: Accepts): Accepts =>
  (value) =>
    listOf(valueCheck("", accepts), "").accepts(value);
const record =
  (members: Readonly<Record<string, Accepts>>): Accepts =>
  (value) =>
    isPlainObject(value) &&
    Object.entries(members).every(([name, accepts]) => accepts((value as Record<string, unknown>)[name]));
const mapOf =
  (accepts: Accepts): Accepts =>
  (value) =>
    isPlainObject(value) && Object.values(value as object).every(accepts);

const names = list(text.accepts);
const numbers = list(finite.accepts);
const size = whole(0).accepts;

const values: Readonly<Record<string, Accepts>> = {
  int: finite.accepts,
  ints: numbers,
  float: (value) => typeof value === "number",
  string: text.accepts,
  graph: (value) => record({ nodes: list(isNode), outputs: list(record({ name: text.accepts })) })(value),
};

function isAttribute(attribute: unknown): boolean {
  if (!isPlainObject(attribute)) return false;
  const { kind, value } = attribute as Readonly<Record<string, unknown>>;
  return typeof kind === "string" && Object.hasOwn(values, kind) && (values[kind] as Accepts)(value);
}

const node = record({
  name: text.accepts,
  opType: text.accepts,
  inputs: names,
  outputs: names,
  attributes: mapOf(isAttribute),
});
/** Nodes have graphs in them, and these nodes. */
function isNode(value: unknown): boolean {
  return node(value);
}

const isGraph = record({
  nodes: list(isNode),
  inputs: list(record({ name: text.accepts, dims: list((dim) => size(dim) || text.accepts(dim)) })),
  initializers: list(
    record({ name: text.accepts, dims: list(size), values: (value) => value === undefined || numbers(value) }),
  ),
});

export const graphCheck: ValueCheck<GraphStructure> = valueCheck("a graph, as readOnnxGraph() resolves to", isGraph);
