/** Builds ONNX graphs. Names are addresses: the scope's path and the operator, e.g. /stem/layers.0/attention/MatMul. */
import { DynamoError, elementCount, type DType } from "@dynamo/core";
import { callback, checkOptions, checkValue, someText, text } from "@dynamo/core/options";
import {
  constantChecks,
  dimsCheck,
  dtypeCheck,
  floatDTypeCheck,
  initializerChecks,
  inputsCheck,
  integersCheck,
  nodeChecks,
  numberCheck,
  openDimsCheck,
  outputsCheck,
  resultsCheck,
} from "./checks.js";
import type { AttributeValue, ConstantOptions, InitializerOptions, NodeOptions } from "./options.js";
import {
  elementTypes,
  type Attribute,
  type Initializer,
  type OnnxGraph,
  type OnnxNode,
  type ValueInfo,
} from "./proto.js";

export type { AttributeValue, ConstantOptions, InitializerOptions, NodeOptions } from "./options.js";

/** The name of a value in a graph. */
export type Value = string & { readonly __value?: never };

/** Microsoft's contributed operators. */
export const microsoft = "com.microsoft";

/** Builds a graph, operator by operator. */
export interface GraphBuilder {
  /** A builder that writes into the same graph under a longer path. */
  scope(path: string): GraphBuilder;
  /** Adds a node of one output. A missing input is an optional one that is left out. */
  op(opType: string, inputs: readonly (Value | undefined)[], options?: NodeOptions): Value;
  /** Adds a node of several outputs. */
  ops(opType: string, inputs: readonly (Value | undefined)[], outputs: number, options?: NodeOptions): Value[];
  /** The value in another dtype. */
  cast(value: Value, dtype: DType): Value;
  /** A weight whose bytes are loaded when the graph is written. A shared one may be asked for again by its name. */
  initializer(
    name: string,
    dtype: DType,
    dims: readonly number[],
    load: Initializer["load"],
    options?: InitializerOptions,
  ): Value;
  /** A small int64 constant: shapes, axes, indices. Equal ones are shared. */
  ints(values: readonly number[], options?: ConstantOptions): Value;
  /** A float constant, scalar. */
  float(value: number, dtype: "float32" | "float16", encode: (value: number) => Uint8Array): Value;
  input(name: string, dtype: DType, dims: readonly (number | string)[]): Value;
  /** Names an existing value as an output of the graph. */
  output(name: string, value: Value, dtype: DType, dims: readonly (number | string)[]): void;
  /** A graph for If: it sees every value of this one; its weights go into the main graph. */
  subgraph(
    name: string,
    build: (builder: GraphBuilder) => readonly { readonly value: Value; readonly dtype: DType }[],
  ): OnnxGraph;
  finish(): OnnxGraph;
}

interface Parts {
  readonly name: string;
  readonly nodes: OnnxNode[];
  readonly inputs: ValueInfo[];
  readonly outputs: ValueInfo[];
  /** Shared with the main graph in a subgraph. */
  readonly initializers: Map<string, Initializer>;
  readonly names: Set<string>;
}

/** A builder of a new, empty graph. */
export function graphBuilder(name: string): GraphBuilder {
  checkValue("name", name, text);
  return builderOver({ name, nodes: [], inputs: [], outputs: [], initializers: new Map(), names: new Set() }, "");
}

function builderOver(parts: Parts, path: string): GraphBuilder {
  const ops: GraphBuilder["ops"] = (opType, inputs, outputs, options = {}) => {
    checkValue("opType", opType, someText);
    checkValue("inputs", inputs, inputsCheck);
    checkValue("outputs", outputs, outputsCheck);
    checkOptions("a node", options, nodeChecks);
    const { attributes = {}, domain = "" } = options;
    const name = uniqueName(parts.names, `${path}/${opType}`);
    const produced = Array.from({ length: outputs }, (_, i) => `${name}_output_${i}`);
    parts.nodes.push({
      name,
      opType,
      domain,
      inputs: inputs.map((input) => input ?? ""),
      outputs: produced,
      attributes: Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, attributeOf(value)])),
    });
    return produced;
  };
  const builder: GraphBuilder = {
    scope(child) {
      checkValue("path", child, text);
      return builderOver(parts, `${path}/${child}`);
    },
    ops,
    op: (opType, inputs, options) => ops(opType, inputs, 1, options)[0] as Value,
    cast(value, dtype) {
      checkValue("dtype", dtype, dtypeCheck);
      return builder.op("Cast", [value], { attributes: { to: elementTypes[dtype] } });
    },
    ...constantsOf(parts),
    ...bordersOf(parts),
    subgraph(name, build) {
      checkValue("name", name, text);
      checkValue("build", build, callback());
      const inner: Parts = { ...parts, name, nodes: [], inputs: [], outputs: [] };
      const results = build(builderOver(inner, `${path}/${name}`));
      checkValue("what build() returns", results, resultsCheck);
      for (const [i, { value, dtype }] of results.entries()) {
        const output = `${path}/${name}/result_${i}`;
        inner.nodes.push({
          name: output,
          opType: "Identity",
          domain: "",
          inputs: [value],
          outputs: [output],
          attributes: {},
        });
        inner.outputs.push({
          name: output,
          dtype,
          dims: ["?", "?", "?", "?"].map((_, axis) => `${name}_${i}_${axis}`),
        });
      }
      return { name, nodes: inner.nodes, inputs: [], outputs: inner.outputs, initializers: [] };
    },
    finish: () => ({ ...parts, initializers: [...parts.initializers.values()] }),
  };
  return builder;
}

function constantsOf({ initializers }: Parts): Pick<GraphBuilder, "initializer" | "ints" | "float"> {
  return {
    initializer(name, dtype, dims, load, options = {}) {
      checkValueInfo(name, dtype);
      checkValue("dims", dims, dimsCheck);
      checkValue("load", load, callback());
      checkOptions("initializer()", options, initializerChecks);
      const { shared = false } = options;
      if (shared && initializers.has(name)) return name;
      if (initializers.has(name)) throw new DynamoError("invalid-argument", `initializer ${name} exists already`);
      elementCount(dims);
      initializers.set(name, { name, dtype, dims, load });
      return name;
    },
    ints(values, options = {}) {
      checkValue("values", values, integersCheck);
      checkOptions("ints()", options, constantChecks);
      const { scalar = false } = options;
      if (scalar && values.length !== 1)
        throw new DynamoError("invalid-argument", `a scalar has one value, received ${values.length}`);
      const name = `constants/int64${scalar ? "" : "s"}/${values.join("_")}`;
      const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
      const dims = scalar ? [] : [values.length];
      initializers.set(name, { name, dtype: "int64", dims, load: () => bytes });
      return name;
    },
    float(value, dtype, encode) {
      checkValue("value", value, numberCheck);
      checkValue("dtype", dtype, floatDTypeCheck);
      checkValue("encode", encode, callback());
      const name = `constants/${dtype}/${value}`;
      initializers.set(name, { name, dtype, dims: [], load: () => encode(value) });
      return name;
    },
  };
}

/** Where values come in and go out. */
function bordersOf({ nodes, inputs, outputs }: Parts): Pick<GraphBuilder, "input" | "output"> {
  return {
    input(name, dtype, dims) {
      checkValueInfo(name, dtype, dims);
      inputs.push({ name, dtype, dims });
      return name;
    },
    output(name, value, dtype, dims) {
      checkValue("value", value, text);
      checkValueInfo(name, dtype, dims);
      nodes.push({
        name: `/outputs/${name}`,
        opType: "Identity",
        domain: "",
        inputs: [value],
        outputs: [name],
        attributes: {},
      });
      outputs.push({ name, dtype, dims });
    },
  };
}

function checkValueInfo(name: string, dtype: DType, dims: readonly (number | string)[] = []): void {
  checkValue("name", name, text);
  checkValue("dtype", dtype, dtypeCheck);
  checkValue("dims", dims, openDimsCheck);
}

function uniqueName(names: Set<string>, wanted: string): string {
  let name = wanted;
  for (let i = 1; names.has(name); i++) name = `${wanted}_${i}`;
  names.add(name);
  return name;
}

function attributeOf(value: AttributeValue): Attribute {
  if (typeof value === "boolean") return { kind: "int", value: value ? 1 : 0 };
  if (typeof value === "number") return { kind: "int", value };
  if (typeof value === "string") return { kind: "string", value };
  if ("float" in value) return { kind: "float", value: value.float };
  return "nodes" in value ? { kind: "graph", value } : { kind: "ints", value };
}
