import {
  existsSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  readFileSync,
  rmSync,
  writeFileSync,
  mkdirSync,
  truncateSync,
} from "node:fs";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  answerWith,
  commitOf,
  startFakeHub,
  type FakeHub,
  type FakeModel,
  type Intercept,
} from "@dynamo/services/fake-hub";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { keptModel, keptModels, removeKeptModel } from "./kept-models.js";
import type { HubOptions, HubProgress } from "../options.js";
import { openWith, type HubRepository } from "./repository.js";

const bytes = (length: number, seed: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, i) => (i * 31 + seed) % 251));
const weights = bytes(300_000, 1);
const model: FakeModel = {
  files: {
    "config.json": Buffer.from('{"model_type":"llama"}'),
    "model-00001-of-00002.safetensors": weights,
    "model-00002-of-00002.safetensors": bytes(200_000, 2),
    "tokenizer.json": bytes(5000, 3),
    "empty.txt": Buffer.alloc(0),
  },
  license: "apache-2.0",
  revisions: ["v1", "refs/pr/1"],
};
const all = Object.keys(model.files);
const one = ["model-00001-of-00002.safetensors"];
const source = "hf:owner/name";

let hub: FakeHub;
let cache: string;
beforeAll(async () => {
  hub = await startFakeHub();
});
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), "dynamo-hub-"));
  hub.models["owner/name"] = model;
});
afterEach(() => {
  rmSync(cache, { recursive: true, force: true });
  hub.requests.length = 0;
  hub.intercept = undefined;
  pauses = [];
});
afterAll(() => hub.close());

/** Without the environment's token, and without pauses. */
const options = (more: HubOptions & { signal?: AbortSignal } = {}): HubOptions => ({
  ...{ endpoint: hub.endpoint, cache, token: "none-needed" },
  ...more,
});
let pauses: number[] = [];
const openHubRepository = (from: string, given: HubOptions): Promise<HubRepository> =>
  openWith(
    (milliseconds) => {
      pauses.push(milliseconds);
      return Promise.resolve();
    },
    from,
    given,
  );
async function download(
  paths: readonly string[],
  more?: HubOptions & { signal?: AbortSignal },
  from = source,
): Promise<string> {
  const repository = await openHubRepository(from, options(more));
  return repository.exclusively(() => repository.download(paths));
}
const stored = () => hub.requests.filter(({ server }) => server === "store");
const partials = (): string[] => {
  const folder = join(cache, "owner--name", "partial");
  return existsSync(folder) ? readdirSync(folder) : [];
};
/** Answers as told at the store's first requests, then as usual. */
function atFirst(...answers: Intercept[]): void {
  hub.intercept = (seen, response) => {
    if (seen.server !== "store") return false;
    return answers.shift()?.(seen, response) ?? false;
  };
}
/** A connection that breaks off after so many bytes. */
const broken =
  (length: number): Intercept =>
  (_, response) => {
    response.writeHead(200, { "Content-Length": String(weights.length), ETag: '"store-x"' });
    response.write(weights.subarray(0, length), () => response.destroy());
    return true;
  };

describe("a download", () => {
  it("has every file whole, at its place, with one total", async () => {
    const seen: HubProgress[] = [];
    const folder = await download(all, { onProgress: (progress) => seen.push(progress) });
    for (const [path, content] of Object.entries(model.files))
      expect(readFileSync(join(folder, path))).toEqual(content);
    const total = Object.values(model.files).reduce((sum, { length }) => sum + length, 0);
    expect(new Set(seen.map((progress) => progress.total))).toEqual(new Set([total]));
    expect(seen.at(-1)).toEqual({ stage: "downloading", loaded: total, total });
    expect(partials()).toEqual([]);
  });

  it("asks nothing again for what is there", async () => {
    await download(all);
    hub.requests.length = 0;
    await download(all);
    expect(hub.requests.map(({ path }) => path)).toEqual(["/api/models/owner/name/revision/main?blobs=true"]);
    hub.requests.length = 0;
    // A commit stays what it is.
    await download(all, {}, `${source}@${commitOf(model)}`);
    expect(hub.requests).toEqual([]);
  });

  it("gives the token to the hub, and to no other host", async () => {
    await download(all, { token: "hf_secret" });
    const [atHub, atStore] = (["hub", "store"] as const).map((server) =>
      hub.requests.filter((each) => each.server === server),
    );
    expect(new Set(atHub?.map(({ headers }) => headers.authorization))).toEqual(new Set(["Bearer hf_secret"]));
    expect(atStore).toHaveLength(2);
    expect(atStore?.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
  });

  it("takes a branch with a slash", async () => {
    await download(one, {}, `${source}@refs/pr/1`);
    expect(hub.requests[0]?.path).toBe("/api/models/owner/name/revision/refs%2Fpr%2F1?blobs=true");
  });

  it("writes no file of a listing that leaves the folder", async () => {
    hub.models["owner/name"] = { files: { ...model.files, "../evil.json": Buffer.from("x") } };
    const { files } = await openHubRepository(source, options());
    expect(files.map(({ path }) => path)).toEqual(all);
    await expect(download(["../evil.json"])).rejects.toMatchObject({ code: "not-found" });
  });
});

describe("what breaks off", () => {
  it("goes on where it was, and asks for the same content", async () => {
    atFirst(broken(100_000));
    const folder = await download(one);
    expect(readFileSync(join(folder, one[0] ?? ""))).toEqual(weights);
    expect(stored()[1]?.headers.range).toMatch(/^bytes=\d+-$/);
    expect(stored()[1]?.headers["if-range"]).toBe('"store-x"');
  });

  it("goes on in a later process", async () => {
    const partial = join(cache, "owner--name", "partial");
    const { files } = await openHubRepository(source, options());
    const hash = files.find(({ path }) => path === one[0])?.hash.hex ?? "";
    mkdirSync(partial, { recursive: true });
    writeFileSync(join(partial, hash), weights.subarray(0, 123_456));
    const folder = await download(one);
    expect(stored().map(({ headers }) => headers.range)).toEqual(["bytes=123456-"]);
    expect(readFileSync(join(folder, one[0] ?? ""))).toEqual(weights);
  });

  it.each([
    ["other bytes", Buffer.alloc(1000)],
    ["as many other bytes", Buffer.alloc(weights.length)],
    ["too many bytes", Buffer.alloc(weights.length + 1)],
  ])("begins again when there are %s", async (_, content) => {
    const { files } = await openHubRepository(source, options());
    const hash = files.find(({ path }) => path === one[0])?.hash.hex ?? "";
    mkdirSync(join(cache, "owner--name", "partial"), { recursive: true });
    writeFileSync(join(cache, "owner--name", "partial", hash), content);
    const folder = await download(one);
    expect(readFileSync(join(folder, one[0] ?? ""))).toEqual(weights);
  });

  it("begins again when the server has no such range, or sends another", async () => {
    atFirst(
      broken(100_000),
      (__, response) => answerWith(response, 416, {}),
      broken(50_000),
      (__, response) => answerWith(response, 206, { "Content-Range": "bytes 0-9/300000" }, Buffer.alloc(10)),
    );
    const folder = await download(one);
    expect(readFileSync(join(folder, one[0] ?? ""))).toEqual(weights);
  });

  it("keeps what there was when it is stopped, and stops the others", async () => {
    const controller = new AbortController();
    atFirst((seen, response) => {
      controller.abort();
      return broken(100_000)(seen, response);
    });
    await expect(download(all, { signal: controller.signal })).rejects.toMatchObject({ code: "aborted" });
    const folder = await download(all);
    expect(readFileSync(join(folder, one[0] ?? ""))).toEqual(weights);
  });
});

describe("content that is not what was promised", () => {
  const other = Buffer.from(weights).fill(7, 1000, 2000);
  it("is refused by its hash, and nothing of it stays", async () => {
    hub.intercept = ({ server }, response) =>
      server === "store" && answerWith(response, 200, { "Content-Length": String(other.length) }, other);
    await expect(download(one)).rejects.toMatchObject({
      code: "invalid-file",
      message: expect.stringMatching(
        /model-00001-of-00002\.safetensors: expected the content sha256 [0-9a-f]{64}, received/,
      ),
    });
    expect(partials()).toEqual([]);
    expect(existsSync(join(cache, "owner--name", "snapshots", commitOf(model), one[0] ?? ""))).toBe(false);
  });

  it("is refused by the hub's tag when it changed after the listing", async () => {
    hub.intercept = ({ path }, response) =>
      path.includes("/resolve/") &&
      answerWith(response, 302, { Location: `${hub.endpoint}/x`, "X-Linked-Etag": `"${"a".repeat(64)}"` });
    hub.models["x"] = model;
    hub.intercept = ({ path }, response) => {
      if (path.includes("/resolve/")) answerWith(response, 200, { ETag: `"${"a".repeat(64)}"` }, weights);
      return path.includes("/resolve/");
    };
    await expect(download(one)).rejects.toMatchObject({
      code: "invalid-file",
      message: expect.stringMatching(/was changed/),
    });
  });

  it.each([
    ["a page of HTML", 200, { "Content-Type": "text/html; charset=utf-8" }, /a page of HTML/],
    ["another length", 200, { "Content-Length": "3" }, /expected 300000 bytes, the server has 3/],
  ])("is refused when it is %s", async (_, status, headers, message) => {
    hub.intercept = ({ server }, response) => server === "store" && answerWith(response, status, headers, "<p>");
    await expect(download(one)).rejects.toMatchObject({
      code: "invalid-file",
      message: expect.stringMatching(message),
    });
  });

  it("is refused when a small file has another Git hash", async () => {
    const fake = Buffer.from('{"model_type":"gemma"}');
    hub.intercept = ({ path }, response) => path.endsWith("/config.json") && answerWith(response, 200, {}, fake);
    await expect(download(["config.json"])).rejects.toMatchObject({
      code: "invalid-file",
      message: expect.stringMatching(/git-blob/),
    });
  });
});

describe("what the hub refuses", () => {
  const cases: [string, Partial<FakeModel> | undefined, HubOptions, object][] = [
    ["a model that is not there", undefined, {}, { code: "not-found", message: /no such model, or it is private/ }],
    [
      "a private model",
      { token: "t" },
      { token: "other" },
      { code: "not-found", message: /your token must be allowed/ },
    ],
    [
      "a gated model, to a token",
      { token: "t", gated: true },
      { token: "other" },
      { code: "invalid-argument", message: /gated.*accept its conditions/ },
    ],
  ];
  it.each(cases)("%s", async (_, more, given, { code, message }: { code?: string; message?: RegExp }) => {
    if (more === undefined) delete hub.models["owner/name"];
    else hub.models["owner/name"] = { ...model, ...more };
    await expect(download(one, given)).rejects.toMatchObject({ code, message: expect.stringMatching(message ?? /x/) });
  });

  it("a revision and a file that are not there", async () => {
    await expect(download(one, {}, `${source}@v9`)).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringMatching(/no such revision/),
    });
    await expect(download(["pytorch_model.bin"])).rejects.toMatchObject({ code: "not-found" });
  });

  it("serves a gated model to whoever may have it", async () => {
    hub.models["owner/name"] = { ...model, token: "hf_mine", gated: true };
    const folder = await download(one, { token: "hf_mine" });
    expect(readFileSync(join(folder, one[0] ?? ""))).toEqual(weights);
  });

  it("HTML in the place of JSON", async () => {
    hub.intercept = (_, response) => (
      answerWith(response, 200, { "Content-Type": "text/html" }, "<html>log in</html>"),
      true
    );
    await expect(download(one)).rejects.toMatchObject({
      code: "invalid-file",
      message: expect.stringMatching(/expected JSON, received a page of HTML/),
    });
  });

  it.each([
    ["no object", "[]"],
    ["no commit", '{"sha":"../../x","siblings":[]}'],
    ["no list", `{"sha":"${"a".repeat(40)}"}`],
    ["no size", `{"sha":"${"a".repeat(40)}","siblings":[{"rfilename":"a"}]}`],
    ["no hash", `{"sha":"${"a".repeat(40)}","siblings":[{"rfilename":"a","size":1}]}`],
  ])("an answer with %s", async (_, body) => {
    hub.intercept = (__, response) => answerWith(response, 200, {}, body);
    await expect(download(one)).rejects.toMatchObject({ code: "invalid-file" });
  });

  it("too many requests, for longer than anybody waits: once, with the time", async () => {
    hub.intercept = (_, response) => answerWith(response, 429, { "Retry-After": "3600" });
    await expect(download(one)).rejects.toMatchObject({
      code: "busy",
      message: expect.stringMatching(/429\): try again in 3600 s/),
    });
    expect(hub.requests).toHaveLength(1);
  });

  it("nothing for a moment: 429, 503 and a store's expired address are tried again", async () => {
    let failures = 0;
    hub.intercept = ({ server, path }, response) => {
      if (server === "hub" && path.startsWith("/api") && failures++ === 0)
        return answerWith(response, 429, { "Retry-After": "0" });
      if (server === "store" && failures++ === 1) return answerWith(response, 503, { "Retry-After": "0" });
      if (server === "store" && failures++ === 3) return answerWith(response, 403, {});
      return false;
    };
    const folder = await download(one);
    expect(readFileSync(join(folder, one[0] ?? ""))).toEqual(weights);
  });

  it("redirects without an end, and to what is no address", async () => {
    hub.intercept = ({ path }, response) => answerWith(response, 302, { Location: path });
    await expect(download(one)).rejects.toMatchObject({ message: expect.stringMatching(/more than 8 redirects/) });
    hub.intercept = (_, response) => answerWith(response, 302, { Location: "file:///etc/passwd" });
    await expect(download(one)).rejects.toMatchObject({
      message: expect.stringMatching(/http or https, received one of file:/),
    });
  });

  it("never shows a signed address", async () => {
    hub.intercept = ({ server }, response) => server === "store" && answerWith(response, 404, {});
    await expect(download(one)).rejects.toMatchObject({ message: expect.not.stringMatching(/Signature/) });
  });
});

describe("offline", () => {
  const offline = { offline: true };
  it("finds what is kept, and asks nothing", async () => {
    await download(all);
    hub.requests.length = 0;
    expect(await download(all, offline)).toContain(commitOf(model));
    expect(hub.requests).toEqual([]);
  });

  it("says what is missing", async () => {
    await expect(download(all, offline)).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringMatching(/offline/),
    });
    await download(["config.json"]);
    await expect(download(all, offline)).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringMatching(/model-00001-of-00002\.safetensors.*not in the cache/),
    });
  });

  it("is where a hub that cannot be reached leaves us, after some tries", async () => {
    await download(all);
    pauses = [];
    const unreachable = (): Promise<Response> => Promise.reject(new TypeError("fetch failed"));
    expect(await download(all, { fetch: unreachable })).toContain(commitOf(model));
    expect(pauses).toEqual([500, 1000, 2000, 4000]);
    await removeKeptModel(source, { cache });
    await expect(download(all, { fetch: unreachable })).rejects.toMatchObject({
      code: "runtime",
      message: expect.stringMatching(/no network, or the server refuses \(fetch failed\)/),
    });
  });
});

describe("the cache", () => {
  it("lists models with sizes and removes them", async () => {
    await download(all);
    const total = Object.values(model.files).reduce((sum, { length }) => sum + length, 0);
    expect(await keptModels({ cache })).toEqual([
      {
        ...{ id: "owner/name", folder: join(cache, "owner--name"), license: "apache-2.0", downloaded: total, made: [] },
        revisions: [{ revision: "main", commit: commitOf(model) }],
      },
    ]);
    const { files } = await keptModel("owner/name", { cache });
    const sizes = all.map((name) => ({
      path: join("snapshots", commitOf(model), name),
      bytes: model.files[name]?.length,
    }));
    expect(files).toEqual(sizes.sort((a, b) => (a.path < b.path ? -1 : 1)));
    await removeKeptModel("owner/name", { cache });
    await expect(keptModel("owner/name", { cache })).rejects.toMatchObject({ code: "not-found" });
    expect(await keptModels({ cache })).toEqual([]);
    expect(readdirSync(cache)).toEqual([".locks"]);
    await expect(removeKeptModel("owner/name", { cache })).rejects.toMatchObject({ code: "not-found" });
  });

  it("lets one at a time work on a model, and tells who waits", async () => {
    const stages: string[] = [];
    let waited = (): void => undefined;
    const waiting = new Promise<void>((done) => (waited = done));
    const onProgress = ({ stage }: HubProgress): void => {
      stages.push(stage);
      waited();
    };
    const [first, second] = await Promise.all([0, 1].map(() => openHubRepository(source, options({ onProgress }))));
    const order: string[] = [];
    const held = first?.exclusively(async () => {
      order.push("first begins");
      void second?.exclusively(() => Promise.resolve(order.push("second")));
      await waiting;
      order.push("first ends");
    });
    await held;
    await second?.exclusively(() => Promise.resolve());
    expect(order.slice(0, 2)).toEqual(["first begins", "first ends"]);
    expect(stages).toContain("waiting");
  });

  it("takes the lock of a process that was killed, and gives up waiting when it is told to", async () => {
    const repository = await openHubRepository(source, options());
    const controller = new AbortController();
    const patient = await openHubRepository(
      source,
      options({
        signal: controller.signal,
        onProgress: () => {
          controller.abort();
        },
      }),
    );
    await repository.exclusively(() =>
      expect(patient.exclusively(() => Promise.resolve())).rejects.toMatchObject({ code: "aborted" }),
    );
    const dead = createServer().listen(join(cache, ".locks", "owner--name"));
    await once(dead, "listening");
    // As a kill leaves it: the socket's file, and nobody behind it.
    renameSync(join(cache, ".locks", "owner--name"), join(cache, "kept"));
    await new Promise((done) => dead.close(done));
    renameSync(join(cache, "kept"), join(cache, ".locks", "owner--name"));
    expect(await repository.exclusively(() => Promise.resolve(1))).toBe(1);
  });

  it("leaves the lock to a process that has only just taken it", async () => {
    let waits = (): void => undefined;
    const waiting = new Promise<void>((done) => (waits = done));
    const repository = await openHubRepository(source, options({ onProgress: () => waits() }));
    const lock = join(cache, ".locks", "owner--name");
    await repository.exclusively(() => Promise.resolve());
    const early = createServer().listen(lock);
    await once(early, "listening");
    renameSync(lock, join(cache, "kept"));
    await new Promise((done) => early.close(done));
    renameSync(join(cache, "kept"), lock);
    // Its address is there, and nobody answers yet.
    let worked = false;
    const work = repository.exclusively(() => Promise.resolve((worked = true)));
    await new Promise((done) => setTimeout(done, 30));
    rmSync(lock);
    const sockets: Socket[] = [];
    const taken = createServer((socket) => {
      sockets.push(socket);
      socket.write("its token");
    }).listen(lock);
    await once(taken, "listening");
    await waiting;
    expect(worked).toBe(false);
    taken.close();
    for (const socket of sockets) socket.destroy();
    expect(await work).toBe(true);
  });

  it("downloads a damaged file of another length again", async () => {
    const folder = await download(all);
    truncateSync(join(folder, "tokenizer.json"), 10);
    await download(all);
    expect(readFileSync(join(folder, "tokenizer.json"))).toEqual(model.files["tokenizer.json"]);
  });

  it("refuses a place where nothing can be written", async () => {
    writeFileSync(join(cache, "file"), "");
    await expect(download(one, { cache: join(cache, "file") })).rejects.toMatchObject({
      code: "invalid-argument",
      message: expect.stringMatching(/cannot be written \(ENOTDIR\).*DYNAMO_HUB_CACHE/),
    });
  });
});
