/** What the results in a folder are of: a run goes on only where the folder's are of the same jobs. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DynamoError } from "@dynamo/core";
import { writeFileAtomically } from "@dynamo/model/convert";
import { z } from "zod";
import type { Json, JsonObject } from "../evaluation.js";

const schema = z.object({
  kind: z.string(),
  settings: z.record(z.string(), z.json()),
  jobs: z.int().nonnegative(),
  hash: z.string(),
});

export interface Manifest {
  readonly kind: string;
  readonly settings: JsonObject;
  readonly jobs: number;
  /** SHA-256 of the jobs in their order. */
  readonly hash: string;
}

/** Settings are as JSON has them: an option that is not set is the same as one that is not there. */
export function manifestOf(kind: string, settings: JsonObject, jobs: readonly unknown[]): Manifest {
  const hash = createHash("sha256");
  for (const job of jobs) hash.update(`${JSON.stringify(job)}\n`);
  return {
    kind,
    settings: JSON.parse(JSON.stringify(settings)) as JsonObject,
    jobs: jobs.length,
    hash: hash.digest("hex"),
  };
}

/**
 * Writes the manifest into a folder that has none. Throws `invalid-argument` that names what differs when the folder
 * holds another run, `invalid-file` when its manifest is damaged.
 */
export async function claimFolder(folder: string, manifest: Manifest): Promise<void> {
  const path = join(folder, "manifest.json");
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new DynamoError("invalid-file", `cannot read ${path}`, { cause: error });
  });
  if (text === undefined) return writeFileAtomically(path, JSON.stringify(manifest));
  const differing = differences(parse(text, path), manifest);
  if (differing.length === 0) return;
  throw new DynamoError(
    "invalid-argument",
    `${folder} holds another run: expected the same ${differing.slice(0, 5).join("; ")}. Choose another folder`,
  );
}

function parse(text: string, path: string): Manifest {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new DynamoError("invalid-file", `${path} is damaged: expected {kind, settings, jobs, hash}`, { cause });
  }
}

function differences(there: Manifest, now: Manifest): string[] {
  const before = leaves({ ...there });
  const after = leaves({ ...now });
  const names = [...new Set([...before.keys(), ...after.keys()])];
  return names
    .filter((name) => before.get(name) !== after.get(name))
    .map((name) => `${name} (there ${before.get(name) ?? "none"}, received ${after.get(name) ?? "none"})`);
}

/** Every value that is no object, by its path; lists whole. */
function leaves(value: JsonObject, path = ""): Map<string, string> {
  return new Map(
    Object.entries(value).flatMap(([name, each]) =>
      isObject(each) ? [...leaves(each, `${path}${name}.`)] : [[`${path}${name}`, JSON.stringify(each)] as const],
    ),
  );
}

const isObject = (value: Json): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
