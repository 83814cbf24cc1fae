/** Without a key nobody comes in, however an address is spelled; with one, all that is wrong with a request has its own status. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { equalSpellings, otherSpellings } from "@dynamo/services/spellings";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { apiKeys, keysOfEnvironment } from "../src/keys.js";
import { openDoors, type DoorsServer } from "./doors.js";

const origin = "https://page.example";
const json = { "content-type": "application/json" };
const key = { authorization: "Bearer a-key-of-alice" };
/** The routes of batches are there, and say that their database is not. */
const nobodysDatabase = "postgres://127.0.0.1:1/none";
let server: DoorsServer;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-data-"));
  const keys = apiKeys(keysOfEnvironment("alice=a-key-of-alice,bob=a-key-of-bob"));
  server = await openDoors({ keys, data: { folder, databaseUrl: nobodysDatabase }, origins: [origin] });
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

/** A path of a route, with something for its parameters. */
const pathOf = (url: string): string => url.replaceAll(/:\w+/g, "some-id").replace(/^\*$/, "/some-file");
const isPublic = ({ config }: DoorsServer["routes"][number]): boolean => config?.public === true;
const methodsOf = ({ method }: DoorsServer["routes"][number]): string[] => [method].flat();
const closedRoutes = (): DoorsServer["routes"] => server.routes.filter((route) => !isPublic(route));
const closed = (): Set<string> => new Set(closedRoutes().map(({ url }) => url));
const apiPaths = (): string[] => [...closed()].filter((url) => url.startsWith("/v1/")).map(pathOf);

const unknownKey = { error: { type: "authentication_error", code: "invalid_api_key", param: null } };

describe("without a key", () => {
  test("only these are public", () => {
    const open = server.routes
      .filter(isPublic)
      .flatMap((route) => methodsOf(route).map((method) => `${method} ${route.url}`));
    const paths = ["/", "/healthz", "/index.html", "/metrics", "/openapi.json", "/readyz"];
    expect(open.sort()).toEqual(paths.flatMap((path) => [`GET ${path}`, `HEAD ${path}`]).sort());
    expect(apiPaths().length).toBeGreaterThan(8);
  });

  test("every route, each way of writing it that is read as its path: 401, and no handler is called", async () => {
    for (const url of closed()) {
      // Its own, and one of those that it does not have: they share a handler.
      const methods = closedRoutes()
        .filter((route) => route.url === url)
        .flatMap((route) => (route.config?.methods === undefined ? methodsOf(route) : methodsOf(route).slice(0, 1)));
      const path = pathOf(url);
      for (const method of methods)
        for (const target of equalSpellings(path)) {
          const { status, body } = await server.ask(method, target, json, method === "POST" ? "{}" : undefined);
          expect([method, target, status]).toEqual([method, target, 401]);
          if (method !== "HEAD") expect(JSON.parse(body)).toMatchObject(unknownKey);
        }
    }
    expect(server.reached()).toEqual([]);
  });

  test("and each way that is not: never more than that there is no such page, and no handler is called", async () => {
    const answers = new Map<string, number>();
    for (const path of apiPaths())
      for (const target of otherSpellings(path))
        for (const method of ["GET", "POST"])
          answers.set(`${method} ${target}`, (await server.ask(method, target, json)).status);
    // Here the path ends before the question mark: a public page's.
    const page = /^GET (?:http:\/\/x|\/(?:healthz|metrics|openapi\.json)?)\?/;
    for (const [asked, status] of answers)
      expect([asked, page.test(asked) ? [200] : [0, 400, 401]]).toEqual([asked, expect.arrayContaining([status])]);
    expect(server.reached()).toEqual([]);
  });

  test("property: any mixture of escapes, prefixes and ends reaches no handler", async () => {
    const escaped = fc
      .tuple(fc.constantFrom(...apiPaths()), fc.array(fc.nat(5), { minLength: 64, maxLength: 64 }))
      .map(([path, choices]) =>
        Array.from(path)
          .map((character, i) => {
            const code = character.charCodeAt(0).toString(16);
            return (
              [character, character, character, `%${code}`, `%25${code}`, character.toUpperCase()][choices[i] ?? 0] ??
              ""
            );
          })
          .join(""),
      );
    const target = fc.tuple(
      fc.constantFrom("", "", "http://x", "/.", "/", "/healthz/..", "/%2e%2e"),
      escaped,
      fc.constantFrom("", "", "/", "?a", "#a", ";a", "%00", "/..", "//"),
    );
    const method = fc.constantFrom(
      "GET",
      "HEAD",
      "POST",
      "PUT",
      "PATCH",
      "DELETE",
      "OPTIONS",
      "TRACE",
      "PROPFIND",
      "QUERY",
    );
    await fc.assert(
      fc.asyncProperty(method, target, async (verb, parts) => {
        const { status } = await server.ask(verb, parts.join(""), json);
        expect([0, 400, 401]).toContain(status);
        expect(server.reached()).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  test("what the spellings mean: with a key they are the route", async () => {
    for (const target of equalSpellings("/v1/models"))
      expect([target, (await server.ask("GET", target, key)).status]).toEqual([target, 200]);
    expect(server.reached().length).toBeGreaterThan(10);
  });
});

describe("with a key", () => {
  test("a path that is not there is 404, a method that it does not have 405: whatever is wrong with the body", async () => {
    for (const headers of [json, { "content-type": "text/plain" }, { "content-type": "no type" }, {}]) {
      const missing = await server.ask("POST", "/v1/nothing", { ...key, ...headers }, "{");
      expect([missing.status, JSON.parse(missing.body)]).toMatchObject([404, { error: { code: "not_found" } }]);
      const method = await server.ask("PUT", "/v1/completions", { ...key, ...headers }, "{");
      expect([method.status, method.headers["allow"]]).toEqual([405, "OPTIONS, POST"]);
      expect(JSON.parse(method.body)).toMatchObject({
        error: { code: "method_not_allowed", type: "invalid_request_error" },
      });
    }
  });

  test("every path tells its methods", async () => {
    for (const url of new Set(server.routes.map(({ url: own }) => own).filter((own) => own !== "*"))) {
      const { status, headers } = await server.ask("OPTIONS", pathOf(url), key);
      expect([url, status]).toEqual([url, 204]);
      const own = server.routes
        .filter((route) => route.url === url && route.config?.methods === undefined)
        .flatMap(methodsOf);
      expect(headers["allow"]).toBe([...own, "OPTIONS"].sort().join(", "));
    }
  });

  test("a body that need not be there may be empty, whatever type it has", async () => {
    for (const body of [undefined, ""]) {
      const file = await server.ask("DELETE", "/v1/files/x", { ...key, ...json }, body);
      expect([file.status, JSON.parse(file.body)]).toMatchObject([404, { error: { code: "file_not_found" } }]);
      const batch = await server.ask("POST", "/v1/batches/x/cancel", { ...key, ...json }, body);
      expect([batch.status, JSON.parse(batch.body)]).toMatchObject([503, { error: { code: "database_unavailable" } }]);
    }
    const wanted = await server.ask("POST", "/v1/completions", { ...key, ...json });
    expect([wanted.status, wanted.body]).toEqual([400, expect.stringContaining("the body is empty: expected JSON")]);
  });

  test("a page of a named origin may use every method of a route", async () => {
    const preflight = { origin, "access-control-request-method": "DELETE" };
    const { status, headers } = await server.ask("OPTIONS", "/v1/files/x", preflight);
    expect([status, headers["access-control-allow-methods"]]).toEqual([204, "DELETE, GET, HEAD, OPTIONS"]);
    const post = await server.ask("OPTIONS", "/v1/completions", {
      ...preflight,
      "access-control-request-method": "POST",
    });
    expect(post.headers["access-control-allow-methods"]).toBe("OPTIONS, POST");
  });

  test("the client's x-request-id comes back when it is one, and a new one else", async () => {
    const idOf = async (id: string): Promise<unknown> =>
      (await server.ask("GET", "/healthz", { "x-request-id": id })).headers["x-request-id"];
    for (const id of ["a", "req_1:2/3+4=5@6.7-8", "x".repeat(128)]) expect(await idOf(id)).toBe(id);
    for (const id of ["", "x".repeat(129), "a b", "a\tb", "é", '"a"', "a,b", "<script>"])
      expect(await idOf(id)).toMatch(/^[0-9a-f-]{36}$/);
  });
});
