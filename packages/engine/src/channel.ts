/** From the engine's loop to one reader: it never waits for the reader, who gets everything in order, then the end. */

export interface Channel<Item, Result> {
  push(item: Item): void;
  /** Only the first end counts. */
  end(result: Result): void;
  fail(error: unknown): void;
  readonly items: AsyncIterable<Item>;
  readonly result: Promise<Result>;
}

/** `onLeave` is called when the reader stops before the end. */
export function channel<Item, Result>(onLeave: () => void): Channel<Item, Result> {
  const waiting: Item[] = [];
  let wake = (): void => undefined;
  let ended = false;
  const { promise, resolve, reject } = withResolvers<Result>();
  // Whoever iterates sees the error there: awaiting the result as well is a choice.
  promise.catch(() => undefined);

  function finish(settle: () => void): void {
    if (ended) return;
    ended = true;
    settle();
    wake();
  }

  async function* read(): AsyncGenerator<Item, void> {
    try {
      for (;;) {
        while (waiting.length > 0) yield waiting.shift() as Item;
        if (ended) break;
        await new Promise<void>((resume) => {
          wake = resume;
        });
      }
      await promise;
    } finally {
      if (!ended) onLeave();
    }
  }

  return {
    push(item) {
      if (ended) return;
      waiting.push(item);
      wake();
    },
    end: (result) => {
      finish(() => {
        resolve(result);
      });
    },
    fail: (error) => {
      finish(() => {
        reject(error as Error);
      });
    },
    items: { [Symbol.asyncIterator]: read },
    result: promise,
  };
}

function withResolvers<Result>(): {
  readonly promise: Promise<Result>;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
} {
  let resolve: (result: Result) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<Result>((onResult, onError) => {
    resolve = onResult;
    reject = onError;
  });
  return { promise, resolve, reject };
}
