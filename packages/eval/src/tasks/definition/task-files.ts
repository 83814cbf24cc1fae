/** A task's files: found, hashed, and opened with their labels and examples. */
import { access, readdir, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { DynamoError } from "@dynamo/core";
import { hashFile } from "../../hash-file.js";
import { documentFileEnds, openDocuments, type DocumentFile } from "./document-file.js";
import { subjectOf, type Task } from "../task.js";

/** By path and hash, as results name them. */
export interface NamedFile {
  readonly path: string;
  readonly hash: string;
}

export interface TaskFile extends NamedFile {
  readonly labels: NamedFile | null;
  /** Where its examples come from, where it has any. */
  readonly examples: (NamedFile & { readonly labels: NamedFile | null }) | null;
}

export interface TaskFileOptions {
  readonly fewShot: number;
  /** A file or a folder. */
  readonly fewShotData?: string | undefined;
}

/**
 * `data` is a file, or a folder of files. Throws `not-found`, and `invalid-argument` where a file has no examples of its
 * own subject.
 */
export async function taskFiles(
  task: Task,
  data: string,
  { fewShot, fewShotData }: TaskFileOptions,
): Promise<TaskFile[]> {
  const paths = await filesIn(data);
  const from = fewShot === 0 ? [] : await examplePaths(task, paths, fewShotData);
  const files: TaskFile[] = [];
  for (const [i, path] of paths.entries()) {
    const own = await named(task, path);
    const examples = from[i];
    files.push({
      ...own,
      examples: examples === undefined ? null : examples === path ? own : await named(task, examples),
    });
  }
  return files;
}

export const openFile = ({ files }: Task, { path, labels }: Pick<TaskFile, "path" | "labels">): DocumentFile =>
  openDocuments(path, { ...files, labels: labels?.path });

async function named(task: Task, path: string): Promise<NamedFile & { labels: NamedFile | null }> {
  const beside = task.labelsOf?.(path);
  const labels = beside !== undefined && beside !== path && (await isThere(beside)) ? beside : undefined;
  return {
    ...{ path, hash: await hashFile(path) },
    labels: labels === undefined ? null : { path: labels, hash: await hashFile(labels) },
  };
}

async function filesIn(path: string): Promise<string[]> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new DynamoError("not-found", `cannot read ${path}`, { cause });
  });
  if (!found.isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => documentFileEnds.includes(extname(name).toLowerCase())).sort();
  if (names.length === 0)
    throw new DynamoError("not-found", `${path} has no file that is named ${documentFileEnds.join(", ")}`);
  return names.map((name) => join(path, name));
}

/** For each file that of the same subject, or the only one there is. */
async function examplePaths(task: Task, paths: readonly string[], data: string | undefined): Promise<string[]> {
  if (task.examples === "first" && data === undefined)
    throw new DynamoError("invalid-argument", `${task.name}: expected the files that its examples are taken from`);
  if (data === undefined) return [...paths];
  const candidates = await filesIn(data);
  return paths.map((path) => {
    const own =
      candidates.length === 1 ? candidates[0] : candidates.find((each) => subjectOf(each) === subjectOf(path));
    if (own !== undefined) return own;
    throw new DynamoError("invalid-argument", `${task.name}: expected examples for ${subjectOf(path)} in ${data}`);
  });
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
