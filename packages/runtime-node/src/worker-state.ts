/** The two flags that the main thread and the worker share. */

/** Int32 [stop, busy]. */
export type WorkerState = Int32Array<SharedArrayBuffer>;

/** Not 0: calls that have not begun are refused. Written by the main thread. */
const stop = 0;
/** 1 while a call is served. Written by the worker. */
const busy = 1;

/** Milliseconds that a process waits at its end for a pass to finish. */
const patience = 10_000;

export function createState(): WorkerState {
  return new Int32Array(new SharedArrayBuffer(8));
}

export function requestStop(state: WorkerState): void {
  Atomics.store(state, stop, 1);
}

/** In the worker: shows that it is busy while `work` goes on. */
export async function whileBusy<T>(state: WorkerState, work: () => Promise<T>): Promise<T> {
  // Busy first, then (in `work`) a look at `stop`; the other side writes `stop` first and then looks at `busy`: neither
  // can miss the other.
  Atomics.store(state, busy, 1);
  try {
    return await work();
  } finally {
    Atomics.store(state, busy, 0);
    Atomics.notify(state, busy);
  }
}

/** In the worker: true when no further call shall begin. */
export function stopRequested(state: WorkerState): boolean {
  return Atomics.load(state, stop) !== 0;
}

const live = new Set<WorkerState>();

/**
 * Lets a process end only between passes: a worker that Node stops inside ONNX Runtime makes it throw through C++, which
 * aborts the process (seen with 1.30). Returns what undoes it, for when the worker has ended.
 */
export function finishBeforeExit(state: WorkerState): () => void {
  if (live.size === 0) process.on("exit", finishPasses);
  live.add(state);
  return () => {
    live.delete(state);
    if (live.size === 0) process.off("exit", finishPasses);
  };
}

function finishPasses(): void {
  for (const state of live) requestStop(state);
  const end = performance.now() + patience;
  for (const state of live) {
    while (Atomics.load(state, busy) === 1 && performance.now() < end)
      Atomics.wait(state, busy, 1, end - performance.now());
  }
}
