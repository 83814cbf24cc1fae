/** What several tensors of a graph are made from. */
export interface Once<T> {
  get(): Promise<T>;
  /** The last use: lets the memory go. */
  take(): Promise<T>;
}

/** Values and scales of a matrix are written one after the other: quantise once, and keep nothing afterwards. */
export function once<T>(make: () => Promise<T>): Once<T> {
  let made: Promise<T> | undefined;
  const get = (): Promise<T> => (made ??= make());
  return {
    get,
    take() {
      const value = get();
      made = undefined;
      return value;
    },
  };
}
