/** API keys: kept as hashes, compared in constant time. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import { DynamoError } from "@dynamo/core";
import { checkValue, isPlainObject, listOf, pathCheck, text, valueCheck } from "@dynamo/core/options";

/** A key that may call the server, as a hash. */
export interface ApiKey {
  /** Who it is, for limits, logs and metrics. */
  readonly name: string;
  readonly hash: Buffer;
}

/** The keys that may call the server. */
export interface ApiKeys {
  /** The key's name; undefined for one that is not known. */
  nameOf(presented: string): string | undefined;
}

const hashBytes = 32;
const nameCheck = valueCheck<string>(
  "a key's name: 1 to 64 letters, digits, dots, dashes and underscores",
  (value) => typeof value === "string" && /^[\w.-]{1,64}$/.test(value),
);
const keysCheck = listOf(
  valueCheck<ApiKey>("", (value) => {
    if (!isPlainObject(value)) return false;
    const { name, hash, ...unknown } = value as Partial<ApiKey>;
    const isHash = hash instanceof Uint8Array && hash.length === hashBytes;
    return nameCheck.accepts(name) && isHash && Object.keys(unknown).length === 0;
  }),
  "a list of keys { name, hash }, as readKeyFile() and keysOfEnvironment() return them",
);

const hashOf = (key: string): Buffer => createHash("sha256").update(key).digest();

/** Keys, looked up by what a client presents. */
export function apiKeys(keys: readonly ApiKey[]): ApiKeys {
  checkValue("keys", keys, keysCheck);
  return {
    nameOf(presented) {
      checkValue("presented", presented, text);
      const hash = hashOf(presented);
      let name: string | undefined;
      // All of them, always: how long it takes tells nothing.
      for (const key of keys) if (timingSafeEqual(key.hash, hash)) ({ name } = key);
      return name;
    },
  };
}

/** A new key and its line of a key file. */
export function createKey(name: string): { readonly key: string; readonly line: string } {
  checkValue("name", name, nameCheck);
  const key = `dynamo-${randomBytes(24).toString("base64url")}`;
  return { key, line: `${name}:${hashOf(key).toString("hex")}` };
}

/** `name:<SHA-256 of the key in hex>` a line; empty lines and those that begin with # are left out. Throws `invalid-file`. */
export async function readKeyFile(file: string): Promise<ApiKey[]> {
  checkValue("file", file, pathCheck);
  const content = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new DynamoError("not-found", `the file of API keys ${file} cannot be read`, { cause });
  });
  const lines = content.split(/\r?\n/).map((line, i) => [line.trim(), i + 1] as const);
  return lines
    .filter(([line]) => line !== "" && !line.startsWith("#"))
    .map(([line, number]) => {
      const found = /^([\w.-]{1,64}):([0-9a-f]{64})$/i.exec(line);
      if (found === null)
        throw new DynamoError(
          "invalid-file",
          `${file}, line ${number}: expected name:<SHA-256 of the key in hex>, as \`dynamo api-key\` prints it`,
        );
      return { name: found[1] as string, hash: Buffer.from(found[2] as string, "hex") };
    });
}

/** Of an environment variable: `name=key` or `key`, with commas between. */
export function keysOfEnvironment(value: string): ApiKey[] {
  checkValue("DYNAMO_API_KEYS", value, text);
  const parts = value.split(",").filter((part) => part.trim() !== "");
  return parts.map((part, i) => {
    const [name, key] = part.includes("=") ? part.trim().split(/=(.*)/s) : [`key-${i + 1}`, part.trim()];
    // What was given may be a part of a key: it is not shown.
    if (!nameCheck.accepts(name))
      throw new DynamoError("invalid-argument", `DYNAMO_API_KEYS: expected ${nameCheck.expected}, of key ${i + 1}`);
    if (key === undefined || key.length < 8)
      throw new DynamoError("invalid-argument", `DYNAMO_API_KEYS: key ${i + 1} has fewer than 8 characters`);
    return { name, hash: hashOf(key) };
  });
}
