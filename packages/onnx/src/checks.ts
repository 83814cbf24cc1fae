/** What callers in plain JavaScript hand to the builder, the writer and the readers: checked before it becomes bytes. */
import type { DType } from "@dynamo/core";
import {
  abortSignal,
  callback,
  flag,
  hasMethods,
  isPlainObject,
  listOf,
  members,
  oneOf,
  required,
  someText,
  text,
  valueCheck,
  whole,
  type OptionChecks,
} from "@dynamo/core/options";
import type {
  AttributeValue,
  ConstantOptions,
  InitializerOptions,
  NodeOptions,
  OnnxSink,
  WriteOptions,
} from "./options.js";
import { elementTypes, type Attribute, type OnnxGraph, type OnnxModel } from "./proto.js";

/** Graphs that lie in one another: our own hold branches of an If, and no branches in those. */
export const deepest = 8;

const integer = valueCheck<number>("a whole number", Number.isSafeInteger);
const number = valueCheck<number>("a number", (value) => typeof value === "number");

export const dtypeCheck = oneOf(...(Object.keys(elementTypes) as DType[]));
export const floatDTypeCheck = oneOf("float32", "float16");
export const integersCheck = listOf(integer, "a list of whole numbers");
export const dimsCheck = listOf(whole(0), "a list of dimensions, each a whole number of at least 0");
export const openDimsCheck = listOf(
  valueCheck<number | string>("", (value) => typeof value === "string" || whole(0).accepts(value)),
  "a list of dimensions, each a whole number of at least 0 or a name",
);
export const inputsCheck = listOf(
  valueCheck<string | undefined>("", (value) => value === undefined || typeof value === "string"),
  "a list of values' names, undefined for an input that is left out",
);
export const outputsCheck = whole(1, 2 ** 16);
export const numberCheck = number;
export const bytesCheck = valueCheck<Uint8Array>("a Uint8Array", (value) => value instanceof Uint8Array);

/** A record of a graph's file: its members and no others are looked at. */
const record = (value: unknown, members: Readonly<Record<string, (member: unknown) => boolean>>): boolean =>
  isPlainObject(value) &&
  Object.entries(members).every(([name, accepts]) => accepts((value as Record<string, unknown>)[name]));

const isListOf =
  (accepts: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && Array.from(value as unknown[]).every(accepts);

const isMapOf =
  (accepts: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    isPlainObject(value) && Object.values(value as object).every(accepts);

const isNames = isListOf(text.accepts);
const isValueInfo = (value: unknown): boolean =>
  record(value, { name: text.accepts, dtype: dtypeCheck.accepts, dims: openDimsCheck.accepts });
const isInitializer = (value: unknown): boolean =>
  record(value, {
    name: text.accepts,
    dtype: dtypeCheck.accepts,
    dims: dimsCheck.accepts,
    load: callback().accepts,
  });

const attributeValues: Readonly<Record<Attribute["kind"], (value: unknown, depth: number) => boolean>> = {
  int: integer.accepts,
  ints: integersCheck.accepts,
  float: number.accepts,
  string: text.accepts,
  graph: isGraph,
};

function isAttribute(attribute: unknown, depth: number): boolean {
  if (!isPlainObject(attribute)) return false;
  const { kind, value } = attribute as Partial<Attribute>;
  return kind !== undefined && Object.hasOwn(attributeValues, kind) && attributeValues[kind](value, depth + 1);
}

function isGraph(value: unknown, depth: number): boolean {
  const isNode = (node: unknown): boolean =>
    record(node, {
      name: text.accepts,
      opType: text.accepts,
      domain: text.accepts,
      inputs: isNames,
      outputs: isNames,
      attributes: isMapOf((attribute) => isAttribute(attribute, depth)),
    });
  return (
    depth <= deepest &&
    record(value, {
      name: text.accepts,
      nodes: isListOf(isNode),
      inputs: isListOf(isValueInfo),
      outputs: isListOf(isValueInfo),
      initializers: isListOf(isInitializer),
    })
  );
}

export const graphCheck = valueCheck<OnnxGraph>(
  "a graph { name, nodes, inputs, outputs, initializers }, as finish() of a builder returns it",
  (value) => isGraph(value, 0),
);

export const modelCheck = valueCheck<OnnxModel>(
  "a model { graph, opsets, metadata }, its graph as finish() of a builder returns it",
  (value) =>
    record(value, {
      graph: graphCheck.accepts,
      opsets: isMapOf(whole(1).accepts),
      metadata: isMapOf(text.accepts),
    }),
);

/** A Buffer writes, too, but no bytes. */
export const sinkCheck = valueCheck<OnnxSink>(
  "a sink with a method write(bytes)",
  (value) => hasMethods(value, "write") && !ArrayBuffer.isView(value),
);

export const writeChecks: OptionChecks<WriteOptions> = {
  external: members<NonNullable<WriteOptions["external"]>>({ location: required(someText), sink: required(sinkCheck) }),
  onProgress: callback(),
  signal: abortSignal,
};

const isAttributeValue = (value: unknown): boolean =>
  typeof value === "boolean" ||
  typeof value === "string" ||
  integer.accepts(value) ||
  integersCheck.accepts(value) ||
  record(value, { float: number.accepts }) ||
  isGraph(value, 1);

export const nodeChecks: OptionChecks<NodeOptions> = {
  attributes: valueCheck<Readonly<Record<string, AttributeValue>>>(
    "attributes by name: each a whole number, a list of them, true or false, a text, { float: number } or a graph",
    isMapOf(isAttributeValue),
  ),
  domain: text,
};
export const initializerChecks: OptionChecks<InitializerOptions> = { shared: flag };
export const constantChecks: OptionChecks<ConstantOptions> = { scalar: flag };

/** What the callback of a subgraph returns. */
export const resultsCheck = valueCheck<readonly { readonly value: string; readonly dtype: DType }[]>(
  "a list of results { value, dtype }",
  isListOf((result) => record(result, { value: text.accepts, dtype: dtypeCheck.accepts })),
);
