/** Which device `auto` takes, and what stands in the way of the GPU. */

/** What is used of WebGPU's objects; TypeScript's DOM library does not have them yet. */
interface Gpu {
  requestAdapter(): Promise<GpuAdapter | null>;
}

interface GpuAdapter {
  readonly features?: ReadonlySet<string>;
  readonly info?: { readonly isFallbackAdapter?: boolean };
  readonly isFallbackAdapter?: boolean;
}

/** Where the browser's answers come from; tests give their own. */
export interface Browser {
  readonly gpu: Gpu | undefined;
  readonly secure: boolean;
}

export const thisBrowser = (): Browser => ({
  gpu: (globalThis.navigator as { gpu?: Gpu }).gpu,
  secure: globalThis.isSecureContext,
});

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
  const fallback = adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter ?? false;
  if (fallback && !software) return none("the only GPU is a software renderer, which is slower than wasm");
  return { gap: undefined, float16: adapter.features?.has("shader-f16") ?? false };
}

/** More threads than this only wait for each other: decoding reads weights at the memory's speed. */
const mostThreads = 8;

/** Threads need memory that workers share, which a page has only when it is cross-origin isolated. */
export function threadCount(wanted: number | undefined): number {
  if (!globalThis.crossOriginIsolated) return 1;
  return wanted ?? Math.max(1, Math.min(globalThis.navigator.hardwareConcurrency, mostThreads));
}
