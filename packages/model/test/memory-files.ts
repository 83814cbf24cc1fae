/** A model's files in memory, for tests of what reads them. */
import { DynamoError, type ModelFiles } from "@dynamo/core";
import { encodeSafetensorsHeader } from "@dynamo/core/safetensors";

export type Contents = Record<string, Uint8Array | string>;

/** Ranges come at odd addresses, as files inside an archive would, and are counted. */
export function memoryFiles(contents: Contents): ModelFiles & { readonly reads: string[]; closed: number } {
  const bytesOf = (path: string): Uint8Array | undefined => {
    const content = Object.hasOwn(contents, path) ? contents[path] : undefined;
    return typeof content === "string" ? new TextEncoder().encode(content) : content;
  };
  const reads: string[] = [];
  const files: ModelFiles & { readonly reads: string[]; closed: number } = {
    location: "memory",
    reads,
    closed: 0,
    size: (path) => Promise.resolve(bytesOf(path)?.length),
    read: async (path, limit) => {
      const bytes = bytesOf(path);
      if (bytes === undefined) throw new DynamoError("not-found", `no file ${path}`);
      if (bytes.length > limit)
        throw new DynamoError("invalid-file", `${path} has ${bytes.length} bytes, expected ${limit}`);
      return bytes;
    },
    readRange: async (path, byteOffset, byteLength) => {
      reads.push(path);
      const bytes = bytesOf(path);
      if (bytes === undefined) throw new DynamoError("not-found", `no file ${path}`);
      if (byteOffset + byteLength > bytes.length) throw new DynamoError("invalid-file", `${path} is too short`);
      const odd = new Uint8Array(byteLength + 1);
      odd.set(bytes.subarray(byteOffset, byteOffset + byteLength), 1);
      return odd.subarray(1);
    },
    close: () => {
      files.closed++;
      return Promise.resolve();
    },
  };
  return files;
}

export interface StoredTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | Uint16Array | Uint8Array;
  readonly dtype?: "float32" | "float16" | "bfloat16" | "uint8";
}

/** A safetensors file of these tensors. */
export function safetensors(tensors: readonly StoredTensor[]): Uint8Array {
  const header = encodeSafetensorsHeader(tensors.map(({ name, shape, dtype = "float32" }) => ({ name, shape, dtype })));
  const parts = tensors.map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  const bytes = new Uint8Array(header.length + parts.reduce((sum, part) => sum + part.length, 0));
  bytes.set(header);
  let offset = header.length;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
