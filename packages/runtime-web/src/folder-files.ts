/** A model's files in a folder that the visitor dropped or picked. */
import { checkInside, DynamoError, type ModelFiles } from "@dynamo/core";
import { checkValue, hasMethods, valueCheck, whole } from "@dynamo/core/options";
import type { PlacedFiles } from "./dropped-files.js";

const isFile = (value: unknown): boolean =>
  hasMethods(value, "slice", "arrayBuffer") && typeof (value as File).name === "string";

function isPlaced(value: unknown): boolean {
  return value instanceof Map && [...value].every(([path, file]) => typeof path === "string" && isFile(file));
}

const filesCheck = valueCheck<readonly File[] | PlacedFiles | FileSystemDirectoryHandle>(
  "a list of files, what droppedFiles() resolves to, or a directory's handle",
  (value) =>
    (Array.isArray(value) && Array.from(value).every(isFile)) ||
    isPlaced(value) ||
    (hasMethods(value, "getDirectoryHandle", "getFileHandle") && "kind" in (value as object)),
);

/**
 * From an `<input webkitdirectory>`, a drop (`droppedFiles`), or `showDirectoryPicker()`. Files are seen from the folder
 * that holds config.json, however deep it lies. Throws `invalid-file` for files that can no longer be read.
 */
export function folderFiles(files: readonly File[] | PlacedFiles | FileSystemDirectoryHandle): ModelFiles {
  checkValue("files", files, filesCheck);
  const listed = "kind" in files ? undefined : fromModelFolder(pathsOf(files));
  const location = "kind" in files ? files.name : `the folder of ${pathsOf(files).length} files`;

  async function find(path: string): Promise<File | undefined> {
    checkInside(path);
    return "kind" in files ? fromHandle(files, path) : listed?.get(path);
  }

  async function required(path: string): Promise<File> {
    const file = await find(path);
    if (file === undefined) throw new DynamoError("not-found", `${location} has no file ${path}`);
    return file;
  }

  return {
    location,
    size: async (path) => (await find(path))?.size,
    async read(path, limit) {
      checkValue("limit", limit, whole(0));
      const file = await required(path);
      if (file.size > limit) {
        throw new DynamoError("invalid-file", `${path}: expected at most ${limit} bytes, received ${file.size}`);
      }
      return bytesOf(file, path);
    },
    async readRange(path, byteOffset, byteLength) {
      checkValue("byteOffset", byteOffset, whole(0));
      checkValue("byteLength", byteLength, whole(0));
      const file = await required(path);
      const end = byteOffset + byteLength;
      if (end > file.size) {
        throw new DynamoError("invalid-file", `${path} has ${file.size} bytes, expected bytes ${byteOffset} to ${end}`);
      }
      return bytesOf(file.slice(byteOffset, end), path);
    },
  };
}

function pathsOf(files: readonly File[] | PlacedFiles): (readonly [path: string, file: File])[] {
  if (!Array.isArray(files)) return [...(files as PlacedFiles)];
  // Outside browsers files have no such path.
  return (files as readonly Partial<File>[]).map(({ webkitRelativePath: path = "", name = "" }, i) => [
    path === "" ? name : path,
    files[i] as File,
  ]);
}

/** Paths as seen from the folder of the config.json that lies highest, or from the top. */
function fromModelFolder(paths: readonly (readonly [path: string, file: File])[]): Map<string, File> {
  const configs = paths.map(([path]) => path).filter((path) => /(^|\/)config\.json$/.test(path));
  const highest = configs.sort((a, b) => a.split("/").length - b.split("/").length)[0];
  const prefix = highest?.slice(0, -"config.json".length) ?? "";
  return new Map(paths.flatMap(([path, file]) => (path.startsWith(prefix) ? [[path.slice(prefix.length), file]] : [])));
}

async function fromHandle(folder: FileSystemDirectoryHandle, path: string): Promise<File | undefined> {
  const names = path.split("/");
  const name = names.pop() as string;
  try {
    let parent = folder;
    for (const each of names) parent = await parent.getDirectoryHandle(each);
    return await (await parent.getFileHandle(name)).getFile();
  } catch (cause) {
    const reason = cause instanceof DOMException ? cause.name : "";
    if (reason === "NotFoundError" || reason === "TypeMismatchError") return undefined;
    throw unreadable(path, cause);
  }
}

async function bytesOf(blob: Blob, path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): DynamoError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new DynamoError("invalid-file", `${path} cannot be read: ${reason}`, { cause });
}
