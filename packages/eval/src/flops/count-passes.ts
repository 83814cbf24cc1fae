/** A model that counts what its passes cost. */
import type { LoadedModel } from "@dynamo/model";
import type { GraphStructure } from "@dynamo/onnx";
import { passFlops, ringRooms } from "./flops.js";

export interface CountedModel {
  /** As the model, and as quick: passes are only noted while it writes. */
  readonly model: LoadedModel;
  /** FLOPs of the passes since the last call. */
  take(): number;
}

interface Pass {
  readonly rows: number;
  readonly newPositions: number;
  readonly wanted: number;
  readonly past: number;
  readonly allHeads: boolean;
}

export function countPasses(model: LoadedModel, graph: GraphStructure): CountedModel {
  const passes: Pass[] = [];
  const flopsOf = byPast(graph);
  return {
    model: {
      ...model,
      forward(cache, feeds, options) {
        passes.push({
          rows: feeds.length,
          newPositions: Math.max(...feeds.map(({ tokens }) => tokens.length)),
          wanted: Math.max(...feeds.map(({ positions = 1 }) => positions)),
          past: Math.max(...feeds.map((_, row) => cache.lengths[row] ?? 0)),
          allHeads: options.heads > 1,
        });
        return model.forward(cache, feeds, options);
      },
    },
    take: () => passes.splice(0).reduce((sum, pass) => sum + flopsOf(pass), 0),
  };
}

/**
 * Operations grow linearly with the past until a ring of the cache is full: a graph is walked twice for each kind of pass and each
 * part of that line, not for each pass.
 */
function byPast(graph: GraphStructure): (pass: Pass) => number {
  const lines = new Map<string, readonly [first: number, each: number]>();
  const rooms = ringRooms(graph);
  return ({ past, ...kind }) => {
    const from = Math.max(0, ...rooms.filter((room) => room <= past));
    const key = JSON.stringify({ ...kind, from });
    let line = lines.get(key);
    if (line === undefined) {
      const first = passFlops(graph, { ...kind, past: from });
      line = [first, passFlops(graph, { ...kind, past: from + 1 }) - first];
      lines.set(key, line);
    }
    return line[0] + (past - from) * line[1];
  };
}
