/** The OpenAPI document: valid, and true of what the server answers. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ZodType } from "zod";
import {
  batchAnswer,
  chatAnswer,
  chatEvent,
  completionAnswer,
  completionEvent,
  deletedAnswer,
  errorAnswer,
  fileAnswer,
  healthAnswer,
  listAnswer,
  modelsAnswer,
  readyAnswer,
} from "../src/openai/answers.js";
import { chatFolder } from "./chat-folder.js";
import { startServer, type RunningServer } from "./start-server.js";

let server: RunningServer;
let folder: string;
let chat: Awaited<ReturnType<typeof chatFolder>>;
beforeAll(async () => {
  chat = await chatFolder();
  folder = await mkdtemp(join(tmpdir(), "dynamo-openapi-"));
  server = await startServer({ options: { models: { chat: { folder: chat.folder } }, data: { folder } } });
});
afterAll(async () => {
  await server.stop();
  await chat.remove();
  await rm(folder, { recursive: true, force: true });
});

const call = (path: string, body?: object | FormData, method = body === undefined ? "GET" : "POST") =>
  fetch(`${server.address}${path}`, {
    method,
    ...(body instanceof FormData ? { body } : {}),
    ...(body === undefined || body instanceof FormData
      ? {}
      : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });

const answer = async <Answer>(schema: ZodType<Answer>, ...request: Parameters<typeof call>): Promise<Answer> => {
  const response = await call(...request);
  return schema.parse(await response.json());
};

async function eachEvent(schema: ZodType, path: string, body: object): Promise<number> {
  const response = await call(path, { ...body, stream: true, stream_options: { include_usage: true } });
  const lines = (await response.text()).split("\n\n").filter((line) => line !== "");
  expect(lines.at(-1)).toBe("data: [DONE]");
  for (const line of lines.slice(0, -1)) schema.parse(JSON.parse(line.slice("data: ".length)));
  return lines.length;
}

test("is valid OpenAPI 3.1, and has every route of the API with its parameters", async () => {
  const document = (await (await call("/openapi.json")).json()) as {
    paths: Record<
      string,
      Record<string, { requestBody?: { content: Record<string, unknown> }; parameters?: object[] }>
    >;
  };
  const { valid, errors } = await new Validator().validate(document);
  expect(errors).toBeUndefined();
  expect(valid).toBe(true);
  const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  expect(routes.sort()).toEqual([
    "delete /v1/files/{id}",
    "get /healthz",
    "get /metrics",
    "get /readyz",
    "get /v1/batches",
    "get /v1/batches/{id}",
    "get /v1/files",
    "get /v1/files/{id}",
    "get /v1/files/{id}/content",
    "get /v1/models",
    "get /v1/models/{model}",
    "post /v1/batches",
    "post /v1/batches/{id}/cancel",
    "post /v1/chat/completions",
    "post /v1/completions",
    "post /v1/files",
  ]);
  expect(document.paths["/v1/files"]?.["post"]?.requestBody?.content).toMatchObject({
    "multipart/form-data": { schema: { properties: { file: { format: "binary" }, purpose: { enum: ["batch"] } } } },
  });
  expect(document.paths["/v1/completions"]?.["post"]).toMatchObject({
    requestBody: { content: { "application/json": { schema: { properties: { echo: {}, dynamo: {}, top_k: {} } } } } },
    responses: { 200: { content: { "application/json": {}, "text/event-stream": {} } }, default: {} },
  });
  expect(document.paths["/v1/files/{id}"]?.["get"]?.parameters).toMatchObject([{ in: "path", name: "id" }]);
  expect(document.paths["/v1/batches"]?.["get"]?.parameters).toMatchObject([{ name: "limit" }, { name: "after" }]);
});

test("describes texts, whole and streamed, with log-probabilities and passes", async () => {
  const asked = { prompt: "Once upon a time", max_tokens: 9, seed: 1 };
  await answer(completionAnswer, "/v1/completions", { ...asked, logprobs: 2 });
  await eachEvent(completionEvent, "/v1/completions", { ...asked, logprobs: 2, dynamo: { trace: true } });
  const turn = { model: "chat", messages: [{ role: "user", content: "Hello" }], max_tokens: 9, seed: 1 };
  await answer(chatAnswer, "/v1/chat/completions", { ...turn, logprobs: true, top_logprobs: 2 });
  expect(await eachEvent(chatEvent, "/v1/chat/completions", { ...turn, logprobs: true })).toBeGreaterThan(3);
});

test("describes models, health, errors", async () => {
  expect((await answer(modelsAnswer, "/v1/models")).data.map(({ id }) => id)).toContain("chat");
  await answer(healthAnswer, "/healthz");
  await answer(readyAnswer, "/readyz");
  expect((await answer(errorAnswer, "/v1/completions", { prompt: "a", n: 0 })).error.param).toBe("n");
  await answer(errorAnswer, "/v1/nothing");
});

test("describes files and batches", async () => {
  const body = { prompt: "Once", max_tokens: 2 };
  const line = JSON.stringify({ custom_id: "a", method: "POST", url: "/v1/completions", body });
  const form = new FormData();
  form.append("purpose", "batch");
  form.append("file", new Blob([line]), "requests.jsonl");
  const file = await answer(fileAnswer, "/v1/files", form);
  const begun = { input_file_id: file.id, endpoint: "/v1/completions", completion_window: "24h" };
  const { id } = await answer(batchAnswer, "/v1/batches", begun);
  const state = async (): Promise<string> => (await answer(batchAnswer, `/v1/batches/${id}`)).status;
  await expect.poll(state, { interval: 200 }).toBe("completed");
  await answer(listAnswer(batchAnswer), "/v1/batches?limit=1");
  await answer(listAnswer(fileAnswer), "/v1/files");
  const { output_file_id: output } = await answer(batchAnswer, `/v1/batches/${id}`);
  await answer(deletedAnswer, `/v1/files/${output ?? ""}`, undefined, "DELETE");
});
