/** Work on several things at a time; the first failure stops the others. */

/** Files downloaded at the same time: more do not go faster, and a hub counts them. */
export const filesAtOnce = 4;

/** `work` gets a signal of its own: it fires with the caller's, and when another one has failed. */
export async function atOnce<Item>(
  most: number,
  items: readonly Item[],
  signal: AbortSignal | undefined,
  work: (item: Item, stop: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const stop = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  const waiting = [...items];
  let first: { readonly error: unknown } | undefined;
  async function worker(): Promise<void> {
    for (let item = waiting.shift(); item !== undefined && first === undefined; item = waiting.shift()) {
      try {
        await work(item, stop);
      } catch (error) {
        first ??= { error };
        failed.abort();
      }
    }
  }
  // All of them have ended before the caller hears: nothing writes any more.
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
  if (first !== undefined) throw first.error;
}
