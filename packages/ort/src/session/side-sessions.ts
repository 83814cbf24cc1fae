/** Sessions of the small graphs that move and edit tensors on a device, opened once each. */
import type { DType } from "@dynamo/core";
import type { InferenceSession, Tensor } from "onnxruntime-common";
import type { Backend, SideSessions } from "./backend.js";
import { passError, loadError } from "./errors.js";
import { copyGraph } from "../graphs/copy-graph.js";

interface Opened {
  readonly graph: Uint8Array;
  readonly outputs: string;
  readonly session: InferenceSession;
}

export function sideSessions(backend: Backend): SideSessions {
  const opened: Opened[] = [];
  async function open(graph: Uint8Array, outputs: "cpu" | "gpu-buffer"): Promise<InferenceSession> {
    const known = opened.find((other) => other.outputs === outputs && sameBytes(other.graph, graph));
    if (known !== undefined) return known.session;
    const session = await create(backend, graph, outputs);
    opened.push({ graph, outputs, session });
    return session;
  }
  return {
    open,
    async copy(value, to) {
      // Never `value.getData()`: in onnxruntime-node 1.30 it ends the process ("not implemented", thrown through C).
      const session = await open(await copyGraph(value.type as DType, value.dims.length), to);
      return (await session.run({ value }).catch(passError))["copy"] as Tensor;
    },
    async dispose() {
      for (const { session } of opened.splice(0)) await session.release();
    },
  };
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);

async function create(
  { ort, options }: Backend,
  graph: Uint8Array,
  outputs: "cpu" | "gpu-buffer",
): Promise<InferenceSession> {
  try {
    return await ort.InferenceSession.create(graph, { ...options, preferredOutputLocation: outputs });
  } catch (error) {
    throw loadError(error, "an auxiliary graph");
  }
}
