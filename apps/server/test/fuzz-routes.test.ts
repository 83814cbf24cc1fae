/** Every route of the OpenAPI document with names, queries and bodies that nobody expects: refused in the API's form, never a failure. */
import * as fc from "fast-check";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { errorAnswer } from "../src/openai/answers.js";
import { ask, jsonOf, short } from "./http.js";
import { bodyOf, type Schema } from "./random-request.js";
import { startServer, type RunningServer } from "./start-server.js";

const requests = Number(process.env["DYNAMO_FUZZ"] ?? 120);
const atOnce = 8;

let server: RunningServer;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-fuzz-"));
  const data = { folder, linesAtOnce: 0 };
  server = await startServer({ options: { data, logLevel: "error" }, environment: { DATABASE_URL: "" } });
});
afterAll(async () => {
  expect(await server.stop()).toBe(0);
  await rm(folder, { recursive: true, force: true });
});

interface Operation {
  readonly parameters?: readonly { readonly in: string; readonly name: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

interface RandomCall {
  readonly method: string;
  readonly url: string;
  readonly type: string;
  readonly body: string;
}

const names = fc.oneof(
  fc.constantFrom("file-1", "batch_1", "..", "%2e%2e", "%00", "__proto__", "a".repeat(5000), "%ff", "*", "stories"),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).map(encodeURIComponent),
  fc.string({ unit: "binary", minLength: 1, maxLength: 8 }).map(encodeWhole),
);
/** Halves of pairs have no UTF-8. */
function encodeWhole(text: string): string {
  return encodeURIComponent(Buffer.from(text).toString());
}
const multipart = fc.tuple(fc.constantFrom("b", "", '"'), fc.string({ unit: "binary", maxLength: 200 }));

function callOf(url: string, method: string, { parameters = [], requestBody }: Operation): fc.Arbitrary<RandomCall> {
  const known = parameters.filter((parameter) => parameter.in === "query").map(({ name }) => name);
  const query = fc.dictionary(fc.constantFrom(...known, "limit", "after", "x", "__proto__"), names, { maxKeys: 3 });
  const schema = requestBody?.content["application/json"]?.schema;
  const json = fc.record({
    type: fc.constant("application/json"),
    body: schema === undefined ? fc.json() : bodyOf(schema),
  });
  const form = multipart.map(([boundary, body]) => ({ type: `multipart/form-data; boundary=${boundary}`, body }));
  return fc
    .tuple(names, query, fc.oneof({ weight: 4, arbitrary: json }, { weight: 1, arbitrary: form }), otherMethod(method))
    .map(([name, pairs, content, used]) => {
      const path = url.replaceAll(/\{\w+\}/g, () => name);
      const search = Object.entries(pairs).map(([key, value]) => `${key}=${value}`);
      return { method: used, url: `${path}?${search.join("&")}`, ...content };
    });
}

const otherMethod = (method: string): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constant(method.toUpperCase()) },
    { weight: 1, arbitrary: fc.constantFrom("GET", "POST", "DELETE", "PUT", "PATCH", "OPTIONS", "HEAD") },
  );

async function send({ method, url, type, body }: RandomCall): Promise<number> {
  const hasBody = !["GET", "HEAD", "OPTIONS"].includes(method);
  const answer = await fetch(server.address + url, {
    method,
    ...(hasBody ? { headers: { "content-type": type }, body } : {}),
  });
  const text = await answer.text();
  const what = `${method} ${url} ${body} answered ${answer.status} ${text.slice(0, 500)}`;
  expect(answer.status, what).toBeLessThan(500);
  if (answer.status >= 400 && method !== "HEAD")
    expect(errorAnswer.safeParse(jsonOf(text)).error, what).toBeUndefined();
  if (answer.status !== 404 && url.startsWith("/v1/"))
    expect(answer.headers.get("x-request-id"), what).toMatch(/^[0-9a-f-]{36}$/);
  return answer.status;
}

test(`${requests} random calls of all routes`, async () => {
  const { paths } = (await (await fetch(`${server.address}/openapi.json`)).json()) as Document;
  const operations = Object.entries(paths).flatMap(([url, methods]) =>
    Object.entries(methods).map(([method, operation]) => callOf(url, method, operation)),
  );
  expect(operations.length).toBeGreaterThan(10);
  const statuses = new Map<number, number>();
  const several = fc.array(fc.oneof(...operations), { minLength: atOnce, maxLength: atOnce });
  const property = fc.asyncProperty(several, async (calls) => {
    for (const status of await Promise.all(calls.map(send))) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  });
  await fc.assert(property, { numRuns: Math.ceil(requests / atOnce), endOnFailure: true });
  for (const status of [200, 400, 404]) expect(statuses.get(status), String(status)).toBeGreaterThan(requests / 50);
  expect((await ask(server, short)).status).toBe(200);
});
