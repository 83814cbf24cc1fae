/** One tab at a time works on a model; others wait. */
import { abortedError } from "@dynamo/core";

/** What is used of a browser's locks: not every program that reads this has the DOM's types. */
interface Locks {
  request<Value>(
    name: string,
    options: { readonly ifAvailable?: boolean; readonly signal?: AbortSignal },
    work: (lock: object | null) => Promise<Value>,
  ): Promise<Value>;
}

/** Where the browser has no locks, at once. `onWait` is told when another tab has it. */
export async function exclusively<Value>(
  id: string,
  { signal, onWait }: { readonly signal: AbortSignal | undefined; readonly onWait: () => void },
  work: () => Promise<Value>,
): Promise<Value> {
  const { navigator } = globalThis as { readonly navigator?: { readonly locks?: Locks } };
  const locks = navigator?.locks;
  if (locks === undefined) return work();
  const name = `dynamo hf:${id}`;
  const free = await locks.request(name, { ifAvailable: true }, async (lock) =>
    lock === null ? undefined : { value: await work() },
  );
  if (free !== undefined) return free.value;
  onWait();
  try {
    return await locks.request(name, signal === undefined ? {} : { signal }, work);
  } catch (error) {
    if (signal?.aborted === true) throw abortedError(signal);
    throw error;
  }
}
