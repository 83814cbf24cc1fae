/** Jobs' results as JSON texts, in memory or in a file that survives a killed process. */
import { type FileHandle, open } from "node:fs/promises";
import { DynamoError } from "@dynamo/core";
import { z } from "zod";

export interface ResultStore {
  readonly size: number;
  has(job: number): boolean;
  /** On the disk when it returns, where the store has one. */
  put(job: number, result: string): Promise<void>;
  get(job: number): Promise<string>;
  close(): Promise<void>;
}

export function memoryStore(): ResultStore {
  const results = new Map<number, string>();
  return {
    get size() {
      return results.size;
    },
    has: (job) => results.has(job),
    put(job, result) {
      results.set(job, result);
      return Promise.resolve();
    },
    get: (job) => Promise.resolve(results.get(job) ?? missing(job)),
    close: () => Promise.resolve(),
  };
}

const schema = z.object({ job: z.int().nonnegative(), result: z.json() });

/** A line's place in the file, in bytes, without its newline: the results themselves stay on the disk. */
interface Place {
  readonly start: number;
  readonly length: number;
}

/**
 * `{"job": index, "result": …}` a line, for one process at a time. A damaged last line, which a killed process leaves, is
 * cut off. Throws `invalid-file` for a damaged line before the last, for a job that is not of the `jobs` there are, and
 * for one that is there twice.
 */
export async function fileStore(path: string, jobs: number): Promise<ResultStore> {
  const handle = await open(path, "a+");
  try {
    const { places, end } = await readPlaces(handle, path, jobs);
    await handle.truncate(end);
    return storeOf(handle, places, end);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function storeOf(handle: FileHandle, places: Map<number, Place>, start: number): ResultStore {
  let end = start;
  return {
    get size() {
      return places.size;
    },
    has: (job) => places.has(job),
    async put(job, result) {
      const line = Buffer.from(`{"job":${job},"result":${result}}\n`);
      await handle.appendFile(line);
      await handle.datasync();
      places.set(job, { start: end, length: line.length - 1 });
      end += line.length;
    },
    async get(job) {
      const line = await readAt(handle, places.get(job) ?? missing(job));
      return JSON.stringify(schema.parse(JSON.parse(line)).result);
    },
    close: () => handle.close(),
  };
}

async function readPlaces(
  handle: FileHandle,
  path: string,
  jobs: number,
): Promise<{ places: Map<number, Place>; end: number }> {
  const { size } = await handle.stat();
  const places = new Map<number, Place>();
  let end = 0;
  for await (const place of lines(handle)) {
    const job = jobOf(await readAt(handle, place));
    const next = place.start + place.length + 1;
    if (job === undefined && next >= size) break;
    if (job === undefined || job >= jobs || places.has(job))
      throw new DynamoError("invalid-file", `${path} is damaged at byte ${place.start}: expected one of ${jobs} jobs`);
    places.set(job, place);
    end = next;
  }
  return { places, end };
}

/** Those that end in a newline. */
async function* lines(handle: FileHandle): AsyncGenerator<Place> {
  const chunk = Buffer.alloc(1 << 16);
  let start = 0;
  for (let offset = 0; ;) {
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, offset);
    if (bytesRead === 0) return;
    const read = chunk.subarray(0, bytesRead);
    for (let at = read.indexOf(10); at !== -1; at = read.indexOf(10, at + 1)) {
      yield { start, length: offset + at - start };
      start = offset + at + 1;
    }
    offset += bytesRead;
  }
}

async function readAt(handle: FileHandle, { start, length }: Place): Promise<string> {
  const bytes = Buffer.alloc(length);
  await handle.read(bytes, 0, length, start);
  return bytes.toString("utf8");
}

function jobOf(line: string): number | undefined {
  try {
    return schema.parse(JSON.parse(line)).job;
  } catch {
    return undefined;
  }
}

function missing(job: number): never {
  throw new DynamoError("runtime", `job ${job} has no result: expected one of every job`);
}
