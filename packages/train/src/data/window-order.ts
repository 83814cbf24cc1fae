/** Which window of which source comes next, as a function of how many windows of each source were drawn before. */
import { nextSource } from "./mixture.js";
import { createPermutation, type Permutation } from "./permutation.js";

export interface WindowSource {
  /** How many whole windows its packed stream has. */
  readonly windows: number;
  /** Its part of all windows drawn; the shares of all sources are 1 together. */
  readonly share: number;
}

export interface Window {
  readonly source: number;
  readonly window: number;
}

/** The next window for these counts of windows drawn; undefined when there is none left. */
export type WindowOrder = (drawn: readonly number[]) => Window | undefined;

/** Sources in the proportion of their shares; every window of a source once an epoch, in another order each epoch. */
export function mixedOrder(sources: readonly WindowSource[], seed: number): WindowOrder {
  const shares = sources.map(({ share }) => share);
  const latest = new Map<number, { readonly epoch: number; readonly permute: Permutation }>();
  return (drawn) => {
    const source = nextSource(shares, drawn);
    const { windows } = sources[source] as WindowSource;
    const count = drawn[source] as number;
    const epoch = Math.floor(count / windows);
    let order = latest.get(source);
    if (order?.epoch !== epoch) {
      order = { epoch, permute: createPermutation(windows, [seed, source, epoch]) };
      latest.set(source, order);
    }
    return { source, window: order.permute(count % windows) };
  };
}

/** Every window once, source by source, as they lie. */
export function oncePerWindow(sources: readonly WindowSource[]): WindowOrder {
  return (drawn) => {
    const source = sources.findIndex(({ windows }, i) => (drawn[i] as number) < windows);
    return source === -1 ? undefined : { source, window: drawn[source] as number };
  };
}
