/**
 * Makes ONNX Runtime's CPU provider round to float16. It has no float16 products there: it computes them in float32 and leaves
 * out the casts before and after, so that nothing would be rounded, and nothing would overflow. A Concat of one tensor between
 * such a cast and the product is a float16 operator that it does have, and keeps.
 */
import { elementTypes, type OnnxModel, type OnnxNode } from "@dynamo/onnx";

export function rounded(model: OnnxModel): OnnxModel {
  return { ...model, graph: { ...model.graph, nodes: model.graph.nodes.flatMap(withBarrier) } };
}

function withBarrier(node: OnnxNode): OnnxNode[] {
  const type = node.opType === "Cast" ? node.attributes["to"]?.value : undefined;
  const [input = "", output = ""] = [node.inputs[0], node.outputs[0]];
  if (type === elementTypes.float16) return [{ ...node, outputs: [`${output}/raw`] }, barrier(`${output}/raw`, output)];
  if (type === elementTypes.float32) return [barrier(input, `${output}/raw`), { ...node, inputs: [`${output}/raw`] }];
  return [node];
}

const barrier = (from: string, to: string): OnnxNode => ({
  name: `${to}/Concat`,
  opType: "Concat",
  domain: "",
  inputs: [from],
  outputs: [to],
  attributes: { axis: { kind: "int", value: 0 } },
});
