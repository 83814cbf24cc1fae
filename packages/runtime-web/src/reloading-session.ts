/** A session that outlives its GPU's device: when that is lost, the graph is loaded once more. Its caches are gone then. */
import { DynamoError, type Session, type SessionCache } from "@dynamo/core";
import type { OpenedSession } from "@dynamo/ort";
import type { WebWorkerLink } from "./worker-link.js";

type OpenSession = OpenedSession<WebWorkerLink>;

/** Loads of one graph: the first, and one more after a device was lost. */
const mostLoads = 2;

export async function reloadingSession(open: () => Promise<OpenSession>): Promise<Session> {
  const first = await open();
  const owners = new WeakMap<SessionCache, OpenSession>();
  let loads = 1;
  let current: Promise<OpenSession> = Promise.resolve(first);
  let disposed = false;

  async function usable(): Promise<OpenSession> {
    const opened = await current;
    if (opened.link.lost === undefined || disposed) return opened;
    if (loads >= mostLoads) {
      throw new DynamoError(
        "runtime",
        `the GPU's device was lost a second time (${opened.link.lost}): create the session again, or use wasm`,
      );
    }
    loads++;
    return (current = open());
  }

  return {
    inputs: first.session.inputs,
    outputs: first.session.outputs,
    async createCache(layout) {
      const opened = await usable();
      const cache = await opened.session.createCache(layout);
      owners.set(cache, opened);
      return cache;
    },
    async run(feeds, fetches, attached) {
      const opened = await usable();
      const owner = attached !== undefined && "cache" in attached ? owners.get(attached.cache) : undefined;
      if (owner !== undefined && owner !== opened) {
        throw new DynamoError("runtime", "this cache was lost with the GPU's device: begin the text again");
      }
      return opened.session.run(feeds, fetches, attached);
    },
    async dispose() {
      disposed = true;
      const opened = await current.catch(() => undefined);
      await opened?.session.dispose();
    },
  };
}
