/** The inference worker: it owns the native sessions and their caches, and serves calls one after the other. */
import { parentPort, workerData } from "node:worker_threads";
import { DynamoError } from "@dynamo/core";
import { checkDevice } from "./check-device.js";
import { openSession, type EngineSession } from "./engine.js";
import type { EngineCache } from "./engine-cache.js";
import { memoryError } from "./engine-errors.js";
import { createEngineState, type EngineState } from "./engine-state.js";
import { ownedBuffers } from "./native.js";
import type { FromWorker, Request, ToWorker, Values, WireError, WireTensors, WorkerData } from "./protocol.js";
import { stopRequested, whileBusy } from "./worker-state.js";

interface OpenCache {
  readonly cache: EngineCache;
  readonly delta: string;
}

interface OpenSession {
  readonly session: EngineSession;
  readonly caches: Map<number, OpenCache>;
}

const { settings, state } = workerData as WorkerData;
const port = parentPort;
if (port === null) throw new DynamoError("invalid-argument", "this module runs in a worker only");
const sessions = new Map<number, OpenSession>();
const states = new Map<number, EngineState>();

// One call at a time, in the order they came in: a native run blocks this thread anyway.
let last: Promise<void> = Promise.resolve();
port.on("message", (message: ToWorker) => {
  last = last.then(() =>
    whileBusy(state, () => ("shutdown" in message ? shutDown() : answer(message.id, message.request))),
  );
});

async function answer(id: number, request: Request): Promise<void> {
  try {
    if (stopRequested(state)) throw new DynamoError("runtime", "the runtime has been disposed");
    const value = await serve(request);
    send(
      { id, value },
      request.kind === "run" || request.kind === "read-state" ? ownedBuffers(value as WireTensors) : [],
    );
  } catch (error) {
    send({ id, error: wireError(error) }, []);
  }
}

function send(message: FromWorker, transfer: ArrayBuffer[]): void {
  try {
    port?.postMessage(message, transfer);
  } catch (error) {
    // A buffer that ONNX Runtime owns itself cannot be handed over (it can be in 1.30): copy it then.
    if (transfer.length === 0) throw error;
    port?.postMessage(message);
  }
}

async function serve(request: Request): Promise<Values[keyof Values]> {
  switch (request.kind) {
    case "check-device":
      return checkDevice(settings);
    case "create-session": {
      const session = await openSession(settings, request.graph, request.deviceOutputs);
      sessions.set(request.session, { session, caches: new Map() });
      return session.shape;
    }
    case "create-cache": {
      const { session, caches } = sessionOf(request.session);
      caches.set(request.cache, { cache: await session.createCache(request.layout), delta: request.layout.delta });
      return undefined;
    }
    case "run":
      return runPass(request);
    case "copy-row":
      await cacheOf(request.session, request.cache).cache.copyRow(request.from, request.to, request.length);
      return undefined;
    case "dispose-cache": {
      const { caches } = sessionOf(request.session);
      caches.get(request.cache)?.cache.dispose();
      caches.delete(request.cache);
      return undefined;
    }
    case "create-state":
      states.set(request.state, await createEngineState(settings, request.tensors));
      return undefined;
    case "read-state":
      return stateOf(request.state).read(request.names);
    case "write-state":
      return stateOf(request.state)
        .write(request.tensors)
        .then(() => undefined);
    case "dispose-state":
      await states.get(request.state)?.dispose();
      states.delete(request.state);
      return undefined;
    case "dispose-session":
      return closeSession(request.session);
  }
}

function runPass({ session, feeds, fetches, append, state }: Extract<Request, { kind: "run" }>): Promise<WireTensors> {
  const open = sessionOf(session);
  return open.session.run(feeds, fetches, {
    ...(append === undefined ? {} : { append: { ...append, ...cacheOf(session, append.cache) } }),
    ...(state === undefined ? {} : { state: stateOf(state) }),
  });
}

function stateOf(id: number): EngineState {
  const state = states.get(id);
  if (state === undefined) throw new DynamoError("invalid-argument", "this state has been disposed");
  return state;
}

function sessionOf(id: number): OpenSession {
  const open = sessions.get(id);
  if (open === undefined) throw new DynamoError("invalid-argument", "this session has been disposed");
  return open;
}

function cacheOf(session: number, id: number): OpenCache {
  const open = sessionOf(session).caches.get(id);
  if (open === undefined)
    throw new DynamoError("invalid-argument", "this cache has been disposed, or belongs to another session");
  return open;
}

async function closeSession(id: number): Promise<undefined> {
  const open = sessions.get(id);
  sessions.delete(id);
  for (const { cache } of open?.caches.values() ?? []) cache.dispose();
  await open?.session.dispose();
  return undefined;
}

async function shutDown(): Promise<void> {
  for (const id of [...sessions.keys()]) await closeSession(id).catch(() => undefined);
  for (const state of states.values()) await state.dispose().catch(() => undefined);
  port?.close();
}

function wireError(error: unknown): WireError {
  const known = DynamoError.is(error) ? error : memoryError(error);
  if (known !== undefined) return { code: known.code, message: known.message };
  return { code: "runtime", message: error instanceof Error ? error.message : String(error) };
}
