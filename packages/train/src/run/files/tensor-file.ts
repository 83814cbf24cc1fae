/** Float32 tensors in a safetensors file, written and read one at a time. */
import { open, stat, type FileHandle } from "node:fs/promises";
import { DynamoError } from "@dynamo/core";
import { encodeSafetensorsHeader, headerByteLength, parseSafetensorsHeader } from "@dynamo/core/safetensors";
import { bytesOf } from "../../autodiff/bytes.js";

export interface NamedFloats {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A new file. It is complete on the disk when this resolves. */
export function writeTensorFile(path: string, tensors: readonly NamedFloats[]): Promise<void> {
  const data = new Map(tensors.map((tensor) => [tensor.name, tensor.data]));
  return writeTensorFileFrom(path, tensors, (name) => Promise.resolve(data.get(name) as Float32Array));
}

/** As `writeTensorFile`, with one tensor in memory at a time: each is read when its turn comes. */
export async function writeTensorFileFrom(
  path: string,
  tensors: readonly Omit<NamedFloats, "data">[],
  read: (name: string) => Promise<Float32Array>,
): Promise<void> {
  const handle = await open(path, "wx");
  try {
    await writeAll(
      handle,
      encodeSafetensorsHeader(
        tensors.map((tensor) => ({ ...tensor, dtype: "float32" as const })),
        { format: "pt" },
      ),
    );
    for (const { name } of tensors) await writeAll(handle, bytesOf(await read(name)));
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The tensors of a file that `shapes` names; with `partial`, some may be missing. Throws `invalid-file` when it is damaged or holds something else than `shapes` says. */
export async function readTensorFile(
  path: string,
  shapes: ReadonlyMap<string, readonly number[]>,
  { partial = false }: { readonly partial?: boolean } = {},
): Promise<Map<string, Float32Array>> {
  const handle = await open(path, "r").catch((cause: unknown) => {
    throw new DynamoError("invalid-file", `${path} cannot be read`, { cause });
  });
  try {
    const { size } = await stat(path);
    const prefix = await readAt(handle, path, 0, Math.min(8, size));
    const { tensors } = parseSafetensorsHeader(await readAt(handle, path, 0, 8 + headerByteLength(prefix, size)), size);
    const read = new Map<string, Float32Array>();
    for (const [name, shape] of shapes) {
      const entry = tensors.get(name);
      if (entry === undefined && partial) continue;
      if (entry?.dtype !== "float32" || entry.shape.join() !== shape.join())
        throw new DynamoError("invalid-file", `${path}: expected ${name} as float32 [${shape.join(", ")}]`);
      const bytes = await readAt(handle, path, entry.byteOffset, entry.byteLength);
      read.set(name, new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4));
    }
    return read;
  } finally {
    await handle.close();
  }
}

/** Node reads and writes fewer than 2^31 bytes at a time. */
const maxBytesAtOnce = 2 ** 30;

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length;)
    offset += (await handle.write(bytes, offset, Math.min(maxBytesAtOnce, bytes.length - offset))).bytesWritten;
}

async function readAt(handle: FileHandle, path: string, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let offset = 0; offset < length;) {
    const { bytesRead } = await handle.read(
      bytes,
      offset,
      Math.min(maxBytesAtOnce, length - offset),
      position + offset,
    );
    if (bytesRead === 0) throw new DynamoError("invalid-file", `${path} is shorter than its header says`);
    offset += bytesRead;
  }
  return bytes;
}
