/** A file of a commit on the disk: downloaded beside its place, and moved there when it is whole and verified. */
import { mkdir, open, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { downloadFile, type FileDownload, type PartialFile } from "../download-file.js";
import { contentHash } from "./content-hash.js";
import { diskError } from "./disk-error.js";

export interface DiskDownload extends FileDownload {
  /** Where the whole file goes. */
  readonly target: string;
  /** Where its bytes are until then; named by the content, so that nothing else ever stands there. */
  readonly partial: string;
}

/** Throws as `downloadFile`, and what the disk refuses. */
export async function downloadToDisk({ target, partial: path, ...download }: DiskDownload): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await mkdir(dirname(target), { recursive: true });
    const length = (await stat(path).catch(() => undefined))?.size ?? 0;
    const handle = await open(path, "a");
    const partial = onDisk(handle, length, () => contentHash(path, download.file.hash.kind));
    try {
      await downloadFile(download, partial);
    } finally {
      await handle.close();
      if (partial.length === 0 && download.file.size > 0) await rm(path, { force: true });
    }
    await rename(path, target);
  } catch (error) {
    throw diskError(error, target);
  }
}

function onDisk(handle: FileHandle, there: number, hash: () => Promise<string>): PartialFile {
  let length = there;
  return {
    get length() {
      return length;
    },
    async append(bytes) {
      for (let at = 0; at < bytes.length;) at += (await handle.write(bytes, at)).bytesWritten;
      length += bytes.length;
    },
    async clear() {
      await handle.truncate(0);
      length = 0;
    },
    flush: () => handle.sync(),
    hash,
  };
}
