/** A builder for parts of a graph that read weights which other parts read too. */
import type { GraphBuilder } from "@dynamo/onnx";

/** A weight that is there by its name is used again. */
export const sharingWeights = (graph: GraphBuilder): GraphBuilder => ({
  ...graph,
  initializer: (name, dtype, dims, load) => graph.initializer(name, dtype, dims, load, { shared: true }),
  scope: (path) => sharingWeights(graph.scope(path)),
  subgraph: (name, build) => graph.subgraph(name, (inner) => build(sharingWeights(inner))),
});
