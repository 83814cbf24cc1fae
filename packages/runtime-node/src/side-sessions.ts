/** Sessions of the small graphs that move and edit tensors on a device, opened once each. */
import { createHash } from "node:crypto";
import type { DType } from "@dynamo/core";
import { InferenceSession, type Tensor } from "onnxruntime-node";
import { engineError, loadError } from "./engine-errors.js";
import { copyGraph } from "./gpu-graphs.js";

export interface SideSessions {
  open(graph: Uint8Array, outputs: "cpu" | "gpu-buffer"): Promise<InferenceSession>;
  /** A copy of a tensor, from the host to the device or back. */
  copy(value: Tensor, to: "cpu" | "gpu-buffer"): Promise<Tensor>;
  dispose(): Promise<void>;
}

export function sideSessions(options: InferenceSession.SessionOptions): SideSessions {
  const opened = new Map<string, InferenceSession>();
  async function open(graph: Uint8Array, outputs: "cpu" | "gpu-buffer"): Promise<InferenceSession> {
    const key = `${outputs} ${createHash("sha256").update(graph).digest("base64")}`;
    const session = opened.get(key) ?? (await create(graph, { ...options, preferredOutputLocation: outputs }));
    opened.set(key, session);
    return session;
  }
  return {
    open,
    async copy(value, to) {
      // Never `value.getData()`: in onnxruntime-node 1.30 it ends the process ("not implemented", thrown through C).
      const session = await open(copyGraph(value.type as DType, value.dims.length), to);
      return (await session.run({ value }).catch(engineError))["copy"] as Tensor;
    },
    async dispose() {
      for (const session of opened.values()) await session.release();
      opened.clear();
    },
  };
}

async function create(graph: Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(graph, options);
  } catch (error) {
    throw loadError(error, "the graph's bytes");
  }
}
