/** The small graph by which a cache in GPU memory is edited where it lies: in Node, JavaScript does not reach into it. */
import type { CacheLayout } from "@dynamo/core";
import { graphBuilder } from "@dynamo/onnx";
import { encodeGraph } from "@dynamo/ort";

/**
 * For every cache tensor: `first.<name>` and `second.<name>` are joined row-wise, `rows` (int64 [n]) picks from both, and
 * `key_pads` or `value_pads` (int64 [8], ONNX Pad) makes room. Out: `<name>.out`. One graph serves for making a cache, its
 * growth, copying a row and splitting rows off.
 */
export function editGraph({ tensors, dtype }: CacheLayout): Promise<Uint8Array> {
  const graph = graphBuilder("edit");
  const rows = graph.input("rows", "int64", ["n"]);
  const pads = { key: graph.input("key_pads", "int64", [8]), value: graph.input("value_pads", "int64", [8]) };
  for (const { name, kind } of tensors) {
    const parts = ["first", "second"].map((part) =>
      graph.input(`${part}.${name}`, dtype, [`${part}_rows`, "heads", "?", "??"]),
    );
    const joined = graph.op("Concat", parts, { attributes: { axis: 0 } });
    const picked = graph.op("Gather", [joined, rows], { attributes: { axis: 0 } });
    graph.output(`${name}.out`, graph.op("Pad", [picked, pads[kind]]), dtype, ["n", "heads", "?out", "??out"]);
  }
  return encodeGraph(graph);
}
