/** The caller's thread's Session and SessionCache: checks what it is given, and passes it on to the worker. */
import {
  DynamoError,
  tensor,
  type CacheAppend,
  type CacheLayout,
  type Feeds,
  type Session,
  type SessionCache,
  type Tensor,
  type TensorInfo,
} from "@dynamo/core";
import { checkValue, listOf, plainObject, whole } from "@dynamo/core/options";
import { checkCopy, checkLayout, checkTrim } from "../cache/cache-layout.js";
import { layoutCheck, namesCheck, tensorsCheck } from "./checks.js";
import type { SessionShape, WireAppend, WireTensors } from "./messages.js";
import { ownState } from "./worker-state.js";
import { wireTensor, type WorkerLink } from "./worker-link.js";

/** What a session knows of a cache that it made. */
interface OwnCache {
  readonly id: number;
  readonly layout: CacheLayout;
  disposed: boolean;
}

/** The session numbered `id` in the worker. */
export function workerSession(link: WorkerLink, id: number, shape: SessionShape): Session {
  const caches = new WeakMap<SessionCache, OwnCache>();
  const inputs = new Map(shape.inputs.map((input) => [input.name, input]));
  const outputs = new Set(shape.outputs.map(({ name }) => name));
  let cacheCount = 0;
  let disposed = false;

  function checkOpen(): void {
    if (disposed) throw new DynamoError("invalid-argument", "this session has been disposed");
  }

  function ownCache(cache: SessionCache): OwnCache {
    const own = caches.get(cache);
    if (own === undefined) throw new DynamoError("invalid-argument", "this cache belongs to another session");
    if (own.disposed) throw new DynamoError("invalid-argument", "this cache has been disposed");
    return own;
  }

  return {
    inputs: shape.inputs,
    outputs: shape.outputs,
    async createCache(layout) {
      checkOpen();
      checkValue("layout", layout, layoutCheck);
      checkLayout(layout);
      checkNames(layout, inputs, outputs);
      const own: OwnCache = { id: cacheCount++, layout, disposed: false };
      await link.call<"create-cache">({ kind: "create-cache", session: id, cache: own.id, layout });
      const cache = sessionCache(link, id, own, ownCache);
      caches.set(cache, own);
      return cache;
    },
    async run(feeds, fetches, attached) {
      checkOpen();
      checkValue("feeds", feeds, tensorsCheck);
      checkValue("fetches", fetches, namesCheck);
      if (attached !== undefined) checkValue("what is attached to a run", attached, plainObject);
      const append = attached !== undefined && "cache" in attached ? attached : undefined;
      const state = attached !== undefined && "state" in attached ? ownState(link, attached.state) : undefined;
      const cache = append === undefined ? undefined : ownCache(append.cache);
      for (const name of fetches) {
        if (!outputs.has(name)) throw unknownName("output", name, outputs);
      }
      const elsewhere = state?.names ?? new Set(cache?.layout.tensors.map(({ name }) => name));
      const request = { kind: "run", session: id, feeds: checkedFeeds(feeds, inputs, elsewhere), fetches } as const;
      const results = await link.call<"run">({ ...request, append: wireAppend(append, cache), state: state?.id });
      return Object.fromEntries(
        Object.entries(results).map(([name, { dtype, dims, data }]) => [name, tensor(dtype, dims, data)]),
      );
    },
    async dispose() {
      if (disposed) return;
      disposed = true;
      if (link.alive) await link.call<"dispose-session">({ kind: "dispose-session", session: id });
    },
  };
}

function sessionCache(
  link: WorkerLink,
  session: number,
  own: OwnCache,
  find: (cache: SessionCache) => OwnCache,
): SessionCache {
  return {
    async copyRow(from, to, length, source) {
      if (own.disposed) throw new DynamoError("invalid-argument", "this cache has been disposed");
      const given = source === undefined ? own : find(source);
      checkAlike(own.layout, given.layout);
      // How much room there is now, the worker knows.
      checkCopy(own.layout, given.layout, { from, to, length, held: given.layout.maxLength });
      const ends = { cache: own.id, source: given.id };
      await link.call<"copy-row">({ kind: "copy-row", session, ...ends, from, to, length });
    },
    async trim(length) {
      if (own.disposed) throw new DynamoError("invalid-argument", "this cache has been disposed");
      checkTrim(own.layout, length);
      await link.call<"trim-cache">({ kind: "trim-cache", session, cache: own.id, length });
    },
    async dispose() {
      if (own.disposed) return;
      own.disposed = true;
      if (link.alive)
        await link.call<"dispose-cache">({ kind: "dispose-cache", session, cache: own.id }).catch(ignoreGoneSession);
    },
  };
}

/** Throws `invalid-argument` unless rows of one are rows of the other. */
function checkAlike(one: CacheLayout, other: CacheLayout): void {
  const shape = ({ tensors, dtype, maxLength }: CacheLayout): string =>
    JSON.stringify([dtype, maxLength, tensors.map(({ kind, heads, headSize, room }) => [kind, heads, headSize, room])]);
  if (one === other || shape(one) === shape(other)) return;
  throw new DynamoError(
    "invalid-argument",
    "a row is copied between caches of one layout, whose rows alone may differ",
  );
}

/** A session that was disposed first, or a worker that ended, has taken its caches along. */
function ignoreGoneSession(error: unknown): undefined {
  if (DynamoError.is(error)) return undefined;
  throw error;
}

const lengthsCheck = listOf(whole(0), "a list of the positions that each row holds");
const countsCheck = listOf(whole(0), "a list of the new positions that each row keeps");

function wireAppend(append: CacheAppend | undefined, cache: OwnCache | undefined): WireAppend | undefined {
  if (append === undefined || cache === undefined) return undefined;
  checkValue("lengths", append.lengths, lengthsCheck);
  checkValue("newPositions", append.newPositions, whole(1));
  const { lengths, newPositions, counts } = append;
  if (counts === undefined) return { cache: cache.id, lengths, newPositions };
  checkValue("counts", counts, countsCheck);
  return { cache: cache.id, lengths, newPositions, counts };
}

/** Throws `invalid-argument` unless the feeds and what lies in a cache or state are the graph's inputs, of the right dtypes. */
function checkedFeeds(
  feeds: Feeds,
  inputs: ReadonlyMap<string, TensorInfo>,
  elsewhere: ReadonlySet<string>,
): WireTensors {
  const wire: Record<string, ReturnType<typeof wireTensor>> = {};
  for (const [name, value] of Object.entries<Tensor>(feeds)) {
    const input = inputs.get(name);
    if (input === undefined) throw unknownName("input", name, inputs.keys());
    if (value.dtype !== input.dtype) {
      throw new DynamoError("invalid-argument", `input ${name}: expected ${input.dtype}, received ${value.dtype}`);
    }
    wire[name] = wireTensor(value);
  }
  for (const name of inputs.keys()) {
    if (wire[name] === undefined && !elsewhere.has(name)) {
      throw new DynamoError(
        "invalid-argument",
        `input ${name} is missing: received ${Object.keys(feeds).join(", ") || "none"}`,
      );
    }
  }
  return wire;
}

function checkNames(layout: CacheLayout, inputs: ReadonlyMap<string, TensorInfo>, outputs: ReadonlySet<string>): void {
  for (const { name } of layout.tensors) if (!inputs.has(name)) throw unknownName("input", name, inputs.keys());
  if (!outputs.has(layout.delta)) throw unknownName("output", layout.delta, outputs);
}

function unknownName(what: "input" | "output", name: string, known: Iterable<string>): DynamoError {
  return new DynamoError(
    "invalid-argument",
    `the graph has no ${what} ${name}; it has ${[...known].join(", ") || "none"}`,
  );
}
