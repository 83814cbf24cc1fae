/** Puts a dataset folder in its place whole, or not at all; overwriting only ever deletes a dataset. */
import { realpath } from "node:fs/promises";
import { resolve, sep } from "node:path";
import { DynamoError } from "@dynamo/core";
import { writeFolderAtomically } from "@dynamo/model/convert";
import { manifestName } from "./manifest.js";

export interface DatasetFolderOptions {
  readonly overwrite: boolean;
  /** Files that are being read: they must not go with what is overwritten. */
  readonly sources: readonly string[];
}

/** Throws `invalid-argument` when `out` exists (with `overwrite`: when it is no dataset), `runtime` when the disk is full. */
export async function writeDatasetFolder(
  out: string,
  write: (folder: string) => Promise<void>,
  { overwrite, sources }: DatasetFolderOptions,
): Promise<void> {
  const real = (path: string): Promise<string> => realpath(path).catch(() => resolve(path));
  const place = await real(out);
  for (const file of sources) {
    if ((await real(file)).startsWith(place + sep))
      throw new DynamoError(
        "invalid-argument",
        `${out} holds the source ${file}: choose another folder for the dataset`,
      );
  }
  await writeFolderAtomically(out, write, { overwrite, marker: manifestName });
}
