/** Workers that tell how much memory of the GPU's and of WASM's they hold: what the page itself cannot see. */

export interface HeldMemory {
  /** Buffers of the GPU that were created and not destroyed, and their bytes. */
  readonly buffers: number;
  readonly bufferBytes: number;
  readonly wasmBytes: number;
}

/** Runs in the worker, before its own module. */
const watch = `
const live = new Map(), memories = [];
const device = globalThis.GPUDevice?.prototype, buffer = globalThis.GPUBuffer?.prototype;
if (device !== undefined) {
  const { createBuffer } = device, { destroy } = buffer;
  device.createBuffer = function (descriptor) {
    const made = createBuffer.call(this, descriptor);
    live.set(made, descriptor.size);
    return made;
  };
  buffer.destroy = function () {
    live.delete(this);
    return destroy.call(this);
  };
}
const { Memory } = WebAssembly;
WebAssembly.Memory = class extends Memory {
  constructor(descriptor) {
    super(descriptor);
    memories.push(this);
  }
};
const channel = new BroadcastChannel("held-memory");
channel.onmessage = ({ data }) => {
  if (data !== "how much?") return;
  let bufferBytes = 0, wasmBytes = 0;
  for (const size of live.values()) bufferBytes += size;
  for (const memory of memories) wasmBytes += memory.buffer.byteLength;
  channel.postMessage({ buffers: live.size, bufferBytes, wasmBytes });
};
`;

const moduleOf = (code: string): string => URL.createObjectURL(new Blob([code], { type: "text/javascript" }));

/** From now on, until what it returns is called, this page's workers are watched. */
export function watchWorkers(): () => void {
  const Original = globalThis.Worker;
  globalThis.Worker = class extends Original {
    constructor(url: string | URL, options?: WorkerOptions) {
      const own = new URL(url, location.href).href;
      super(moduleOf(`import ${JSON.stringify(moduleOf(watch))};\nimport ${JSON.stringify(own)};`), options);
    }
  };
  return () => {
    globalThis.Worker = Original;
  };
}

/** What the watched worker holds; there must be one. */
export function heldMemory(): Promise<HeldMemory> {
  const channel = new BroadcastChannel("held-memory");
  return new Promise((resolve) => {
    channel.onmessage = ({ data }: MessageEvent<HeldMemory>) => {
      channel.close();
      resolve(data);
    };
    channel.postMessage("how much?");
  });
}
