/** The caller's thread's RuntimeState: checks what it is given, and passes it on to the worker. */
import { DynamoError, tensor, type Feeds, type RuntimeState, type Tensor } from "@dynamo/core";
import { checkValue } from "@dynamo/core/options";
import { namesCheck, tensorsCheck } from "./checks.js";
import type { WireTensors } from "./messages.js";
import { wireTensor, type WorkerLink } from "./worker-link.js";

interface OwnState {
  readonly id: number;
  readonly link: WorkerLink;
  readonly names: ReadonlySet<string>;
  disposed: boolean;
}

/** Where sessions find what a state of theirs is. */
const owned = new WeakMap<RuntimeState, OwnState>();

/** Copies the tensors into the worker, as the state numbered `id` there. */
export async function workerState(link: WorkerLink, id: number, tensors: Feeds): Promise<RuntimeState> {
  const own: OwnState = { id, link, names: new Set(Object.keys(tensors)), disposed: false };
  await link.call<"create-state">({ kind: "create-state", state: id, tensors: wireTensors(tensors) });
  const state: RuntimeState = {
    async read(names) {
      checkValue("names", names, namesCheck);
      check(own, names);
      const values = await link.call<"read-state">({ kind: "read-state", state: id, names });
      return Object.fromEntries(
        Object.entries(values).map(([name, { dtype, dims, data }]) => [name, tensor(dtype, dims, data)]),
      );
    },
    async write(values) {
      checkValue("tensors", values, tensorsCheck);
      check(own, Object.keys(values));
      await link.call<"write-state">({ kind: "write-state", state: id, tensors: wireTensors(values) });
    },
    async dispose() {
      if (own.disposed) return;
      own.disposed = true;
      if (link.alive) await link.call<"dispose-state">({ kind: "dispose-state", state: id });
    },
  };
  owned.set(state, own);
  return state;
}

/** The number of a state for a session on `link`, and its tensors' names; throws for another runtime's. */
export function ownState(link: WorkerLink, state: RuntimeState): { id: number; names: ReadonlySet<string> } {
  const own = owned.get(state);
  if (own?.link !== link) throw new DynamoError("invalid-argument", "this state belongs to another runtime");
  check(own, []);
  return own;
}

function check({ disposed, names: known }: OwnState, names: readonly string[]): void {
  if (disposed) throw new DynamoError("invalid-argument", "this state has been disposed");
  const unknown = names.find((name) => !known.has(name));
  if (unknown !== undefined) throw new DynamoError("invalid-argument", `the state has no tensor ${unknown}`);
}

const wireTensors = (tensors: Feeds): WireTensors =>
  Object.fromEntries(Object.entries<Tensor>(tensors).map(([name, value]) => [name, wireTensor(value)]));
