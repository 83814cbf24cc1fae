/** An iterable of chunks and the promise of their result, as one object. */
import type { Generation, GenerationChunk } from "./generation.js";

/** `result` is called each time that somebody asks for the promise: it may start the work the first time. */
export function asGeneration<Result>(
  chunks: () => AsyncIterator<GenerationChunk>,
  result: () => Promise<Result>,
): Generation<Result> {
  return {
    [Symbol.asyncIterator]: chunks,
    then: (fulfilled, rejected) => result().then(fulfilled, rejected),
    catch: (rejected) => result().catch(rejected),
    finally: (settled) => result().finally(settled),
    [Symbol.toStringTag]: "Generation",
  };
}
