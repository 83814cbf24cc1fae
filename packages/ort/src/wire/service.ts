/** The serving end of an inference worker: it owns the sessions, their caches and the states. */
import { DynamoError } from "@dynamo/core";
import type { Backend, WorkerCache } from "../session/backend.js";
import { openSession, type OrtSession } from "../session/open-session.js";
import { memoryError } from "../session/errors.js";
import { createHeldState, type HeldState } from "../session/held-state.js";
import { ownedBuffers } from "../session/native.js";
import type { Answer, Call, Request, Values, CallError, WireTensors } from "./messages.js";

/** Serves a worker's calls. */
export interface Service {
  /** Serves one call; the answer, and the buffers that can be handed over with it. Never rejects. */
  answer(call: Call): Promise<{ readonly answer: Answer; readonly transfer: ArrayBuffer[] }>;
  /** Frees everything. */
  close(): Promise<void>;
}

/** Options of a service. */
export interface ServiceOptions {
  /** Throws `unsupported` when the device does not work here. */
  readonly checkDevice: () => Promise<void>;
  /** Asked before a call begins: throws to refuse it. */
  readonly beforeCall?: (request: Request) => Promise<void> | void;
}

interface OpenCache {
  readonly cache: WorkerCache;
  readonly delta: string;
}

interface OpenSession {
  readonly session: OrtSession;
  readonly caches: Map<number, OpenCache>;
}

interface Opened {
  readonly sessions: Map<number, OpenSession>;
  readonly states: Map<number, HeldState>;
}

/** Calls are to be served one after the other. */
export function createService(backend: Backend, { checkDevice, beforeCall }: ServiceOptions): Service {
  const opened: Opened = { sessions: new Map(), states: new Map() };
  return {
    async answer({ id, request }) {
      try {
        await beforeCall?.(request);
        if (request.kind === "check-device") {
          await checkDevice();
          return { answer: { id, value: undefined }, transfer: [] };
        }
        const value = await valueOfCall(backend, opened, request);
        const tensors = request.kind === "run" || request.kind === "read-state";
        return { answer: { id, value }, transfer: tensors ? ownedBuffers(value as WireTensors) : [] };
      } catch (error) {
        return { answer: { id, error: callError(error) }, transfer: [] };
      }
    },
    async close() {
      for (const id of [...opened.sessions.keys()]) await closeSession(opened, id).catch(() => undefined);
      for (const state of opened.states.values()) await state.dispose().catch(() => undefined);
      opened.states.clear();
    },
  };
}

type Served = Exclude<Request, { kind: "check-device" }>;

async function valueOfCall(backend: Backend, opened: Opened, request: Served): Promise<Values[keyof Values]> {
  switch (request.kind) {
    case "create-session": {
      const session = await openSession(backend, request.graph, request.deviceOutputs);
      opened.sessions.set(request.session, { session, caches: new Map() });
      return session.shape;
    }
    case "create-cache": {
      const { session, caches } = sessionOf(opened, request.session);
      caches.set(request.cache, { cache: await session.createCache(request.layout), delta: request.layout.delta });
      return undefined;
    }
    case "run":
      return runPass(opened, request);
    case "copy-row":
      return copyRow(opened, request);
    case "trim-cache":
      cacheOf(opened, request.session, request.cache).cache.trim(request.length);
      return undefined;
    case "dispose-cache": {
      const { caches } = sessionOf(opened, request.session);
      caches.get(request.cache)?.cache.dispose();
      caches.delete(request.cache);
      return undefined;
    }
    case "create-state":
      opened.states.set(request.state, await createHeldState(backend, request.tensors));
      return undefined;
    case "read-state":
      return stateOf(opened, request.state).read(request.names);
    case "write-state":
      await stateOf(opened, request.state).write(request.tensors);
      return undefined;
    case "dispose-state":
      await opened.states.get(request.state)?.dispose();
      opened.states.delete(request.state);
      return undefined;
    case "dispose-session":
      return closeSession(opened, request.session);
  }
}

async function copyRow(opened: Opened, request: Extract<Request, { kind: "copy-row" }>): Promise<undefined> {
  const { session, from, to, length } = request;
  const source = cacheOf(opened, session, request.source);
  await cacheOf(opened, session, request.cache).cache.copyRow(from, to, length, source.cache);
  return undefined;
}

function runPass(opened: Opened, request: Extract<Request, { kind: "run" }>): Promise<WireTensors> {
  const { session, feeds, fetches, append, state } = request;
  return sessionOf(opened, session).session.run(feeds, fetches, {
    ...(append === undefined ? {} : { append: { ...append, ...cacheOf(opened, session, append.cache) } }),
    ...(state === undefined ? {} : { state: stateOf(opened, state) }),
  });
}

function stateOf({ states }: Opened, id: number): HeldState {
  const state = states.get(id);
  if (state === undefined) throw new DynamoError("invalid-argument", "this state has been disposed");
  return state;
}

function sessionOf({ sessions }: Opened, id: number): OpenSession {
  const open = sessions.get(id);
  if (open === undefined) throw new DynamoError("invalid-argument", "this session has been disposed");
  return open;
}

function cacheOf(opened: Opened, session: number, id: number): OpenCache {
  const open = sessionOf(opened, session).caches.get(id);
  if (open === undefined)
    throw new DynamoError("invalid-argument", "this cache has been disposed, or belongs to another session");
  return open;
}

async function closeSession({ sessions }: Opened, id: number): Promise<undefined> {
  const open = sessions.get(id);
  sessions.delete(id);
  for (const { cache } of open?.caches.values() ?? []) cache.dispose();
  await open?.session.dispose();
  return undefined;
}

function callError(error: unknown): CallError {
  const known = DynamoError.is(error) ? error : memoryError(error);
  if (known !== undefined) return { code: known.code, message: known.message };
  return { code: "runtime", message: error instanceof Error ? error.message : String(error) };
}
