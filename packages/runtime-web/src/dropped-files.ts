/** The files of a drop on the page, those in dropped folders too: browsers give a folder's files only when they are asked. */
import { DynamoError } from "@dynamo/core";
import { checkValue, hasMethods, valueCheck } from "@dynamo/core/options";

/** By path, as `folderFiles` takes them. */
export type PlacedFiles = ReadonlyMap<string, File>;

/** A model folder has a dozen files; somebody's whole disk is a mistake that would be read for minutes. */
const mostFiles = 2000;

const dropCheck = valueCheck<DataTransfer>("a drop event's dataTransfer", (value) =>
  Array.from((value as DataTransfer).items).every((item) => hasMethods(item, "webkitGetAsEntry")),
);

/**
 * To be called in the `drop` event itself: afterwards the browser has forgotten the drop. Throws (rejects with)
 * `invalid-file` for files that cannot be read, and for more than 2,000 of them.
 */
export async function droppedFiles(drop: DataTransfer): Promise<PlacedFiles> {
  checkValue("drop", drop, dropCheck);
  const { items } = drop;
  // Asked for before anything is awaited.
  const entries = [...items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const files = new Map<string, File>();
  for (const entry of entries) await collect(entry, files);
  return files;
}

async function collect(entry: FileSystemEntry, files: Map<string, File>): Promise<void> {
  try {
    if (isFolder(entry)) {
      for await (const child of childrenOf(entry)) await collect(child, files);
    } else if (isFile(entry)) {
      files.set(
        entry.fullPath.replace(/^\//, ""),
        await new Promise<File>((resolve, reject) => entry.file(resolve, reject)),
      );
    }
  } catch (cause) {
    if (DynamoError.is(cause)) throw cause;
    throw new DynamoError(
      "invalid-file",
      `${entry.fullPath} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
  if (files.size <= mostFiles) return;
  throw new DynamoError(
    "invalid-file",
    `expected a model folder of at most ${mostFiles} files, received more: is it the right folder?`,
  );
}

const isFolder = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory;
const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile;

/** A reader gives a hundred or so at a time, and none at the end. */
async function* childrenOf(folder: FileSystemDirectoryEntry): AsyncGenerator<FileSystemEntry> {
  const reader = folder.createReader();
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return;
    yield* some;
  }
}
