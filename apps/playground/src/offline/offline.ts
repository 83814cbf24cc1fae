/** The page's side of its service worker, which keeps the site for visits without a network. */

/** Built sites only: while it is being developed, a page should never be an old one. */
export async function keepSite(): Promise<void> {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  // A browser that refuses has a page all the same.
  await navigator.serviceWorker.register(new URL("service-worker.js", location.href)).catch(() => undefined);
}

/** Keeps what the model's device needs, too. */
export async function keepRuntime(device: string): Promise<void> {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  (await navigator.serviceWorker.ready).active?.postMessage(device);
}
