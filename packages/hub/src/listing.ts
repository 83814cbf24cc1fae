/** What the hub says of a model: its commit, its files with their sizes and hashes, its licence. */
import { checkInside, DynamoError } from "@dynamo/core";
import { isPlainObject } from "@dynamo/core/options";
import type { HubId } from "./hub-id.js";
import { hubRequest, networkError, withoutQuery, withRetries, type HubAccess } from "./hub-access.js";

/** How a file's content is known: large files (LFS, Xet) by their SHA-256, others by the SHA-1 of their Git object. */
export interface FileHash {
  readonly kind: "sha256" | "git-blob";
  /** In hexadecimal, lower case. */
  readonly hex: string;
}

/** A file of a commit, with the hub's hash of it. */
export interface HubFile {
  readonly path: string;
  readonly size: number;
  readonly hash: FileHash;
}

/** A model at one commit. */
export interface HubListing {
  readonly id: string;
  /** Forty hexadecimal digits. */
  readonly commit: string;
  readonly files: readonly HubFile[];
  /** As its card names it, e.g. apache-2.0. */
  readonly license: string | undefined;
}

/** The API's answers are at most some hundred kilobytes; the largest repositories have ten thousands of files. */
const maxAnswerBytes = 32 * 2 ** 20;
const maxFiles = 100_000;

/** Asks the hub's API. Throws as `hubRequest`, and `invalid-file` for an answer that is none. */
export async function fetchListing({ id, revision }: HubId, access: HubAccess): Promise<HubListing> {
  const address = `${access.endpoint}/api/models/${id}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const json = await withRetries(access, () => readAnswer(address, access));
  return parseListing(id, json, withoutQuery(address));
}

async function readAnswer(address: string, access: HubAccess): Promise<unknown> {
  const { response } = await hubRequest(address, access, { Accept: "application/json" });
  const where = withoutQuery(address);
  const type = response.headers.get("Content-Type") ?? "";
  const body = await textOf(response, address, access.signal);
  try {
    return JSON.parse(body);
  } catch (cause) {
    const what = /html/i.test(type) || /^\s*</.test(body) ? "a page of HTML" : "something else";
    throw new DynamoError(
      "invalid-file",
      `${where}: expected JSON, received ${what}: is this a hub's address (HF_ENDPOINT), or does a proxy ask for a login?`,
      { cause },
    );
  }
}

async function textOf(response: Response, address: string, signal: AbortSignal | undefined): Promise<string> {
  const reader: ReadableStreamDefaultReader<Uint8Array> | undefined = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (;;) {
    const next = await reader?.read().catch((cause: unknown) => {
      throw networkError(address, signal, cause);
    });
    if (next === undefined || next.done) return text + decoder.decode();
    bytes += next.value.length;
    if (bytes > maxAnswerBytes) {
      await reader?.cancel().catch(() => undefined);
      throw new DynamoError("invalid-file", `${withoutQuery(address)}: an answer of more than ${maxAnswerBytes} bytes`);
    }
    text += decoder.decode(next.value, { stream: true });
  }
}

/** Checks what came, or what was kept. `where`: for messages. */
export function parseListing(id: string, json: unknown, where: string): HubListing {
  const bad = (what: string): DynamoError =>
    new DynamoError("invalid-file", `${where}: expected what the hub says of a model; ${what}`);
  if (!isPlainObject(json)) throw bad("it is no object");
  const { sha, siblings, cardData } = json as Record<string, unknown>;
  if (typeof sha !== "string" || !/^[0-9a-f]{40}$/.test(sha)) throw bad("`sha` is no commit");
  if (!Array.isArray(siblings) || siblings.length > maxFiles) throw bad("`siblings` is no list of files");
  return {
    id,
    commit: sha,
    files: siblings.flatMap((each: unknown) => fileOf(each, bad)),
    license: licenseOf(cardData),
  };
}

function fileOf(sibling: unknown, bad: (what: string) => DynamoError): HubFile[] {
  const { rfilename: path, size, blobId, lfs } = (isPlainObject(sibling) ? sibling : {}) as Record<string, unknown>;
  if (typeof path !== "string") throw bad("a file has no name");
  try {
    checkInside(path);
  } catch {
    // Nobody asks for a file of such a name; other files of the model are as good as before.
    return [];
  }
  const { sha256, size: lfsSize } = (isPlainObject(lfs) ? lfs : {}) as Record<string, unknown>;
  const bytes = lfsSize ?? size;
  if (typeof bytes !== "number" || !Number.isSafeInteger(bytes) || bytes < 0) throw bad(`${path} has no size`);
  if (typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256)) {
    return [{ path, size: bytes, hash: { kind: "sha256", hex: sha256 } }];
  }
  if (typeof blobId === "string" && /^[0-9a-f]{40}$/.test(blobId)) {
    return [{ path, size: bytes, hash: { kind: "git-blob", hex: blobId } }];
  }
  throw bad(`${path} has neither lfs.sha256 nor blobId`);
}

/** `other` stands for a licence that the hub has no name for; its name is beside it then. */
function licenseOf(card: unknown): string | undefined {
  const { license, license_name: name } = (isPlainObject(card) ? card : {}) as Record<string, unknown>;
  const first: unknown = Array.isArray(license) ? license[0] : license;
  const found = first === "other" && typeof name === "string" ? name : first;
  return typeof found === "string" && /^[\w .+-]{1,100}$/.test(found) ? found : undefined;
}

/** Where a file of a commit is: its content never changes. */
export const fileAddress = (endpoint: string, { id, commit }: HubListing, path: string): string =>
  `${endpoint}/${id}/resolve/${commit}/${path.split("/").map(encodeURIComponent).join("/")}`;

/** What a cache keeps of it: the same form as the API's, so that it is read with the same checks. */
export const listingJson = ({ commit, files, license }: HubListing): unknown => ({
  sha: commit,
  siblings: files.map(({ path, size, hash }) => ({
    rfilename: path,
    size,
    ...(hash.kind === "sha256" ? { lfs: { sha256: hash.hex, size } } : { blobId: hash.hex }),
  })),
  ...(license === undefined ? {} : { cardData: { license } }),
});
