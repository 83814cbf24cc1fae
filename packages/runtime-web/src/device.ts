/** Which device `auto` takes, and what stands in the way of the GPU. */
// Apps that compile this file from its source do not have them by themselves.
/// <reference types="@webgpu/types" />

/** Where the browser's answers come from; tests give their own. */
export interface Browser {
  readonly gpu: Pick<GPU, "requestAdapter"> | undefined;
  readonly secure: boolean;
  /** GiB of the machine, roughly; Chromium alone says it, and of much memory only that it is much. */
  readonly deviceMemory: number | undefined;
}

export function thisBrowser(): Browser {
  const { gpu, deviceMemory } = globalThis.navigator as { gpu?: GPU; deviceMemory?: number };
  return { gpu, secure: globalThis.isSecureContext, deviceMemory };
}

/** All that one WASM memory can address. On webgpu too a graph passes through it on its way to the GPU. */
const wasmMemory = 2 ** 32;

/** Bytes that opening a session can take at most. */
export const sessionMemory = ({ deviceMemory = Infinity }: Pick<Browser, "deviceMemory">): number =>
  Math.min(wasmMemory, deviceMemory * 2 ** 30);

export interface WebgpuSupport {
  /** Why WebGPU cannot be used here; undefined when it looks as if it can. */
  readonly gap: string | undefined;
  /** Its shaders compute in float16. */
  readonly float16: boolean;
}

/** `software` renderers count only when asked for. */
export async function webgpuSupport({ gpu, secure }: Browser, software: boolean): Promise<WebgpuSupport> {
  const none = (gap: string): WebgpuSupport => ({ gap, float16: false });
  if (gpu === undefined) {
    return none(secure ? "this browser has no WebGPU" : "WebGPU exists only on pages from https:// or localhost");
  }
  const adapter = await gpu.requestAdapter().catch(() => null);
  if (adapter === null) return none("the browser found no GPU that it would use");
  if (isSoftware(adapter) && !software) return none("the only GPU is a software renderer, which is slower than wasm");
  return { gap: undefined, float16: adapter.features.has("shader-f16") };
}

/** Browsers of 2024 and before say it of the adapter itself, and some have no `info`. */
function isSoftware({
  info,
  isFallbackAdapter = false,
}: GPUAdapter & { readonly isFallbackAdapter?: boolean }): boolean {
  return (info as GPUAdapterInfo | undefined)?.isFallbackAdapter ?? isFallbackAdapter;
}

/** More threads than this only wait for each other: decoding reads weights at the memory's speed. */
const mostThreads = 8;

/** Threads need memory that workers share, which a page has only when it is cross-origin isolated. */
export function threadCount(wanted: number | undefined): number {
  if (!globalThis.crossOriginIsolated) return 1;
  return wanted ?? Math.max(1, Math.min(globalThis.navigator.hardwareConcurrency, mostThreads));
}
