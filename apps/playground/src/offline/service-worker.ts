/**
 * Keeps the site's own files, so that a second visit needs no network. Models are kept by @dynamo/runtime-web; of ONNX
 * Runtime's WASM files, large as they are, only the one that was used.
 */

/** The built files below assets/, whose names change with their content; vite.config.ts writes the list here. */
declare const __ASSETS__: readonly string[];

interface ExtendableEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}

interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

/** What is used of a service worker's global object; TypeScript's DOM library does not have it. */
interface Scope {
  readonly clients: { claim(): Promise<void> };
  readonly registration: { readonly scope: string };
  addEventListener(type: "install" | "activate", listener: (event: ExtendableEvent) => void): void;
  addEventListener(type: "fetch", listener: (event: FetchEvent) => void): void;
  addEventListener(type: "message", listener: (event: ExtendableEvent & { data: unknown }) => void): void;
}

interface Asked {
  readonly request: Request;
  readonly waitUntil: (work: Promise<unknown>) => void;
}

const scope = globalThis as unknown as Scope;
const page = scope.registration.scope;
const cacheName = `dynamo-playground ${page}`;
const folder = new URL("assets/", page).href;
const assets = __ASSETS__.map((name) => new URL(`assets/${name}`, page).href);

/** ONNX Runtime's file of each device. */
const isRuntimeOf: Readonly<Record<string, (address: string) => boolean>> = {
  wasm: (address) => address.endsWith(".wasm") && !address.includes("asyncify"),
  webgpu: (address) => /asyncify.*\.wasm$/.test(address),
};

const opened = (): Promise<Cache> => caches.open(cacheName);

/** A browser without room keeps what it can. */
async function keep(addresses: readonly string[]): Promise<void> {
  const cache = await opened();
  for (const address of addresses) {
    if ((await cache.match(address)) === undefined) await cache.add(address).catch(() => undefined);
  }
}

/** Always as the server has it now: the one that is kept may name files of another build. */
async function keepPage(): Promise<void> {
  const response = await fetch(page, { cache: "reload" }).catch(() => undefined);
  if (response?.ok === true) await (await opened()).put(page, response).catch(() => undefined);
}

/** No page of another build is open any more when this runs: a new worker waits for that. */
async function forgetOthers(): Promise<void> {
  const cache = await opened();
  for (const { url } of await cache.keys()) if (url !== page && !assets.includes(url)) await cache.delete(url);
}

/** The page as the server has it now; without a network, as it was. */
async function newest({ request, waitUntil }: Asked): Promise<Response> {
  try {
    const response = await fetch(request);
    if (response.ok) waitUntil(store(page, response.clone()));
    return response;
  } catch (error) {
    const kept = await (await opened()).match(page);
    if (kept === undefined) throw error;
    return kept;
  }
}

/** Names change with the content: what is kept is right, of whichever build. */
async function keptOrFetched({ request, waitUntil }: Asked): Promise<Response> {
  const kept = await (await opened()).match(request.url);
  if (kept !== undefined) return kept;
  const response = await fetch(request);
  if (response.ok && !request.url.endsWith(".wasm")) waitUntil(store(request.url, response.clone()));
  return response;
}

const store = async (address: string, response: Response): Promise<void> =>
  (await opened()).put(address, response).catch(() => undefined);

scope.addEventListener("install", (event) => {
  const small = assets.filter((address) => !address.endsWith(".wasm"));
  event.waitUntil(keepPage().then(() => keep(small)));
});
scope.addEventListener("activate", (event) => {
  event.waitUntil(forgetOthers().then(() => scope.clients.claim()));
});
scope.addEventListener("message", (event) => {
  const wanted = typeof event.data === "string" ? isRuntimeOf[event.data] : undefined;
  if (wanted !== undefined) event.waitUntil(keep(assets.filter(wanted)));
});
scope.addEventListener("fetch", (event) => {
  const { request } = event;
  const asked = { request, waitUntil: (work: Promise<unknown>): void => event.waitUntil(work) };
  const address = new URL(request.url);
  if (request.method !== "GET") return;
  if (request.mode === "navigate" && `${address.origin}${address.pathname}` === page) {
    event.respondWith(newest(asked));
  } else if (address.href.startsWith(folder)) event.respondWith(keptOrFetched(asked));
});
