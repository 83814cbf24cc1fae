/**
 * Some hundred requests (DYNAMO_FUZZ of them in the long form) made from the schemas: each gets an answer of the form that the
 * OpenAPI document has, and nothing stays behind.
 */
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { literal, type ZodType } from "zod";
import { chatAnswer, chatEvent, completionAnswer, completionEvent, errorAnswer } from "../src/openai/answers.js";
import { chatFolder } from "./chat-folder.js";
import { ask, eventsOf, gauge, idle, jsonOf, until, type Answer } from "./http.js";
import { randomRequest, type RandomRequest } from "./random-request.js";
import { startServer, type RunningServer } from "./start-server.js";

const requests = Number(process.env["DYNAMO_FUZZ"] ?? 120);
const atOnce = 16;

let server: RunningServer;
let remove: () => Promise<void>;
beforeAll(async () => {
  const chat = await chatFolder();
  ({ remove } = chat);
  const size = { slots: 8, queue: 64 };
  const models = { stories: size, chat: { folder: chat.folder, ...size } };
  server = await startServer({ options: { models, logLevel: "error" } });
});
afterAll(async () => {
  await server.stop();
  await remove();
});

function expectForm(schema: ZodType, value: unknown, { path, body }: RandomRequest): void {
  const { error } = schema.safeParse(value);
  expect(error, `${path} ${body} answered ${JSON.stringify(value ?? null).slice(0, 1000)}`).toBeUndefined();
}

function expectAnswer({ status, headers, text: said, json }: Answer, request: RandomRequest): void {
  expect(headers.get("x-request-id"), request.body).toMatch(/^[0-9a-f-]{36}$/);
  // No request of these may make the server fail.
  expect([200, 400, 404], `${request.body} answered ${said}`).toContain(status);
  const isChat = request.path === "/v1/chat/completions";
  if (status !== 200) expectForm(errorAnswer, json, request);
  else if (headers.get("content-type")?.startsWith("text/event-stream") === true) {
    const events = eventsOf(said);
    expectForm(literal("[DONE]"), events.at(-1), request);
    for (const event of events.slice(0, -1)) expectForm(isChat ? chatEvent : completionEvent, event, request);
  } else expectForm(isChat ? chatAnswer : completionAnswer, json, request);
}

test(`${requests} random requests`, async () => {
  const statuses = new Map<number, number>();
  const several = fc.array(randomRequest, { minLength: atOnce, maxLength: atOnce });
  const property = fc.asyncProperty(several, async (batch) => {
    const answers = await Promise.all(batch.map(({ path, body }) => ask(server, body, { path })));
    for (const [i, answer] of answers.entries()) {
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      expectAnswer(answer, batch[i] as RandomRequest);
    }
  });
  await fc.assert(property, { numRuns: Math.ceil(requests / atOnce), endOnFailure: true });
  // Neither all refused nor all taken: the run would show nothing.
  expect(statuses.get(200)).toBeGreaterThan(requests / 10);
  expect(statuses.get(400)).toBeGreaterThan(requests / 10);
  await until(() => idle(server));
  expect(await gauge(server, "slots")).toBe(8);
  expect(server.log()).not.toMatch(/ended/);
  expect(jsonOf(await (await fetch(`${server.address}/readyz`)).text())).toEqual({ status: "ready", waiting: [] });
});
