/**
 * A model hub as its documentation describes it: the API's listing with hashes, small files from the hub itself, large ones
 * by a redirect to a store on another origin, whose addresses are signed and who refuses a token.
 */
import { createHash, randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

export interface FakeModel {
  readonly files: Record<string, Buffer>;
  readonly license?: string;
  /** Only with this token; `gated` says why to those who have none. */
  readonly token?: string;
  readonly gated?: boolean;
  /** Branches and tags beside `main`. */
  readonly revisions?: readonly string[];
}

export interface SeenRequest {
  readonly server: "hub" | "store";
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
}

/** Answers in the server's place; true when it has, as `answerWith` says. */
export type Intercept = (seen: SeenRequest, response: ServerResponse) => boolean;

export interface FakeHub {
  readonly endpoint: string;
  readonly models: Record<string, FakeModel>;
  readonly requests: SeenRequest[];
  intercept: Intercept | undefined;
  close(): Promise<void>;
}

/** Of each content once: models are asked for again and again. */
function remembered(hash: (content: Buffer) => string): (content: Buffer) => string {
  const known = new WeakMap<Buffer, string>();
  return (content) => {
    const found = known.get(content) ?? hash(content);
    known.set(content, found);
    return found;
  };
}
const sha256 = remembered((content) => createHash("sha256").update(content).digest("hex"));
export const gitBlob = remembered((content) =>
  createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex"),
);
const isLarge = (path: string): boolean => /\.(safetensors|onnx|onnx_data|bin)$/.test(path);

/** The commit is the content's: another content is another commit. */
export const commitOf = ({ files }: FakeModel): string =>
  createHash("sha1")
    .update(
      Object.entries(files)
        .map(([path, content]) => path + gitBlob(content))
        .join("\n"),
    )
    .digest("hex");

/** All files of a folder, by their paths in it. */
export function filesOf(folder: string): Record<string, Buffer> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map(({ parentPath, name }) =>
    join(parentPath, name)
      .slice(folder.length + 1)
      .replaceAll("\\", "/"),
  );
  return Object.fromEntries(paths.sort().map((path) => [path, readFileSync(join(folder, path))]));
}

export async function startFakeHub(models: Record<string, FakeModel> = {}): Promise<FakeHub> {
  const signatures = new Map<string, Buffer>();
  const requests: SeenRequest[] = [];
  const answer = (server: SeenRequest["server"], serve: typeof serveHub | typeof serveStore) => {
    return (request: IncomingMessage, response: ServerResponse): void => {
      const seen: SeenRequest = { server, path: request.url ?? "/", headers: request.headers };
      allowPages(response);
      if (request.method === "OPTIONS") return void answerWith(response, 204, {});
      requests.push(seen);
      if (hub.intercept?.(seen, response) !== true) serve(seen, response, context);
    };
  };
  const store = await listening(createServer(answer("store", serveStore)));
  const front = await listening(createServer(answer("hub", serveHub)));
  const context: Context = { models, signatures, store: addressOf(store) };
  const hub: FakeHub = {
    ...{ endpoint: addressOf(front), models, requests, intercept: undefined },
    async close() {
      for (const server of [front, store]) {
        server.closeAllConnections();
        await new Promise((done) => server.close(done));
      }
    },
  };
  return hub;
}

/** Pages of any site may read both servers, as the hub's. */
function allowPages(response: ServerResponse): void {
  response.setHeader("Access-Control-Allow-Origin", "*");
  response.setHeader("Access-Control-Allow-Headers", "Authorization, Range");
  response.setHeader("Access-Control-Expose-Headers", "ETag, Content-Range, X-Error-Code, X-Error-Message");
}

interface Context {
  readonly models: Record<string, FakeModel>;
  readonly signatures: Map<string, Buffer>;
  readonly store: string;
}

const listening = (server: Server): Promise<Server> =>
  new Promise((done) =>
    server.listen(0, "127.0.0.1", () => {
      done(server);
    }),
  );
const addressOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

export function answerWith(
  response: ServerResponse,
  status: number,
  headers: Record<string, string>,
  body: string | Buffer = "",
): true {
  response.writeHead(status, headers).end(body);
  return true;
}

const failure = (response: ServerResponse, status: number, code: string, message: string): true =>
  answerWith(response, status, { "X-Error-Code": code, "X-Error-Message": message }, message);

function serveHub({ path, headers }: SeenRequest, response: ServerResponse, context: Context): true {
  const api = /^\/api\/models\/(.+)\/revision\/([^/?]+)/.exec(path);
  const file = /^\/(.+)\/resolve\/([^/]+)\/([^?]+)/.exec(path);
  const [, id = "", revision = "", name] = (api ?? file ?? []).map((each) => decodeURIComponent(each));
  const model = context.models[id];
  if (model === undefined) return failure(response, 401, "RepoNotFound", "Repository not found");
  if (model.token !== undefined && headers.authorization !== `Bearer ${model.token}`) {
    if (model.gated !== true) return failure(response, 401, "RepoNotFound", "Repository not found");
    const status = headers.authorization === undefined ? 401 : 403;
    return failure(response, status, "GatedRepo", `Access to model ${id} is restricted.`);
  }
  const commit = commitOf(model);
  if (!["main", commit, ...(model.revisions ?? [])].includes(revision)) {
    return failure(response, 404, "RevisionNotFound", `Invalid rev id: ${revision}`);
  }
  if (name === undefined)
    return answerWith(response, 200, { "Content-Type": "application/json" }, JSON.stringify(listing(model)));
  const content = model.files[name];
  if (content === undefined) return failure(response, 404, "EntryNotFound", "Entry not found");
  if (!isLarge(name))
    return sendRange(response, headers, content, { ETag: `"${gitBlob(content)}"`, "X-Repo-Commit": commit });
  const signature = randomUUID();
  context.signatures.set(signature, content);
  return answerWith(response, 302, {
    Location: `${context.store}/${encodeURIComponent(name)}?Expires=300&Signature=${signature}`,
    "X-Linked-Etag": `"${sha256(content)}"`,
    "X-Linked-Size": String(content.length),
    "X-Repo-Commit": commit,
  });
}

function listing(model: FakeModel): object {
  const siblings = Object.entries(model.files).map(([rfilename, content]) => ({
    ...{ rfilename, size: content.length, blobId: gitBlob(content) },
    ...(isLarge(rfilename) ? { lfs: { sha256: sha256(content), size: content.length, pointerSize: 130 } } : {}),
  }));
  return {
    ...{ sha: commitOf(model), siblings, gated: model.gated === true ? "auto" : false, private: false },
    ...(model.license === undefined ? {} : { cardData: { license: model.license } }),
  };
}

function serveStore({ path, headers }: SeenRequest, response: ServerResponse, { signatures }: Context): true {
  const content = signatures.get(/[?&]Signature=([^&]+)/.exec(path)?.[1] ?? "");
  // As S3 does: two ways to prove who one is are one too many.
  if (headers.authorization !== undefined) return answerWith(response, 400, {}, "Only one auth mechanism allowed");
  if (content === undefined) return answerWith(response, 403, {}, "AccessDenied");
  return sendRange(response, headers, content, { ETag: `"store-${sha256(content).slice(0, 8)}"` });
}

function sendRange(
  response: ServerResponse,
  headers: SeenRequest["headers"],
  content: Buffer,
  own: Record<string, string> & { readonly ETag: string },
): true {
  const { range, "if-range": ifRange } = headers;
  const [, first, last = ""] = /^bytes=(\d+)-(\d*)$/.exec(range ?? "") ?? [];
  const start = Number(first ?? Number.NaN);
  const type = { "Content-Type": "binary/octet-stream", "Accept-Ranges": "bytes" };
  if (Number.isNaN(start) || (ifRange !== undefined && ifRange !== own.ETag)) {
    return answerWith(response, 200, { ...type, ...own, "Content-Length": String(content.length) }, content);
  }
  if (start >= content.length) return answerWith(response, 416, { "Content-Range": `bytes */${content.length}` });
  const end = last === "" ? content.length : Math.min(Number(last) + 1, content.length);
  const part = content.subarray(start, end);
  const contentRange = `bytes ${start}-${end - 1}/${content.length}`;
  return answerWith(
    response,
    206,
    { ...type, ...own, "Content-Range": contentRange, "Content-Length": String(part.length) },
    part,
  );
}
