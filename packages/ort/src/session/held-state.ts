/** Tensors that stay in the worker between runs: overwritten in place in host memory where ONNX Runtime can, replaced otherwise. */
import { DynamoError } from "@dynamo/core";
import type { Tensor } from "onnxruntime-common";
import type { Backend } from "./backend.js";
import { fromNative, toNative } from "./native.js";
import type { WireTensor, WireTensors } from "../wire/messages.js";
import { sideSessions } from "./side-sessions.js";

/** Tensors that stay in the worker between passes. */
export interface HeldState {
  has(name: string): boolean;
  tensor(name: string): Tensor;
  /** Whether ONNX Runtime writes a successor into the tensor's own memory; otherwise `replace` takes its place. */
  readonly inPlace: boolean;
  replace(name: string, value: Tensor): void;
  read(names: readonly string[]): Promise<WireTensors>;
  write(tensors: WireTensors): Promise<void>;
  dispose(): Promise<void>;
}

export async function createHeldState(backend: Backend, initial: WireTensors): Promise<HeldState> {
  const state = backend.gpu === undefined ? hostState(backend) : gpuState(backend);
  for (const [name, value] of Object.entries(initial)) await state.add(name, value);
  return state;
}

type GrowingState = HeldState & { add(name: string, value: WireTensor): Promise<void> };

function hostState({ ort, writesGivenOutputs }: Backend): GrowingState {
  const tensors = new Map<string, Tensor>();
  return {
    ...lookUp(tensors),
    inPlace: writesGivenOutputs,
    replace: (name, value) => {
      tensors.set(name, value);
    },
    add(name, value) {
      tensors.set(name, toNative(ort, value));
      return Promise.resolve();
    },
    read: (names) => {
      const copies = names.map((name) => {
        const { dtype, dims, data } = fromNative(find(tensors, name), name);
        return [name, { dtype, dims, data: data.slice() }] as const;
      });
      return Promise.resolve(Object.fromEntries(copies));
    },
    write(values) {
      for (const [name, value] of Object.entries(values)) {
        checkSame(name, find(tensors, name), value);
        (find(tensors, name).data as Uint8Array).set(value.data as Uint8Array);
      }
      return Promise.resolve();
    },
    dispose() {
      tensors.clear();
      return Promise.resolve();
    },
  };
}

function gpuState(backend: Backend): GrowingState {
  const tensors = new Map<string, Tensor>();
  const side = sideSessions(backend);
  const replace = (name: string, value: Tensor): void => {
    tensors.get(name)?.dispose();
    tensors.set(name, value);
  };
  const add = async (name: string, value: WireTensor): Promise<void> =>
    replace(name, await side.copy(toNative(backend.ort, value), "gpu-buffer"));
  return {
    ...lookUp(tensors),
    inPlace: false,
    replace,
    add,
    async read(names) {
      const copies: Record<string, WireTensor> = {};
      for (const name of names) copies[name] = fromNative(await side.copy(find(tensors, name), "cpu"), name);
      return copies;
    },
    async write(values) {
      for (const [name, value] of Object.entries(values)) {
        checkSame(name, find(tensors, name), value);
        await add(name, value);
      }
    },
    async dispose() {
      for (const value of tensors.values()) value.dispose();
      tensors.clear();
      await side.dispose();
    },
  };
}

const lookUp = (tensors: ReadonlyMap<string, Tensor>): Pick<HeldState, "has" | "tensor"> => ({
  has: (name) => tensors.has(name),
  tensor: (name) => find(tensors, name),
});

function find(tensors: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const value = tensors.get(name);
  if (value === undefined) throw new DynamoError("invalid-argument", `the state has no tensor ${name}`);
  return value;
}

function checkSame(name: string, held: Tensor, { dtype, dims }: WireTensor): void {
  if (held.type === dtype && held.dims.join() === dims.join()) return;
  throw new DynamoError(
    "invalid-argument",
    `${name}: expected ${held.type} [${held.dims.join(", ")}], received ${dtype} [${dims.join(", ")}]`,
  );
}
