/** /v1/completions, /v1/chat/completions, /v1/models. */
import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { DynamoError } from "@dynamo/core";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { docs } from "../openapi.js";
import type { Context } from "../context.js";
import { operationOf, textWork, type TextWork } from "../text-work.js";
import { chatAnswer, chatEvent, completionAnswer, completionEvent, modelAnswer, modelsAnswer } from "./answers.js";
import { droppedOf, startChoices, streamedAnswer, wholeAnswer, type AnswerEvents } from "./answer.js";
import type { AnswerHead } from "./bodies.js";
import { callerLimit, type CallerLimit } from "./caller-limit.js";
import { chatJob, completionJob, type Asker, type Job } from "./job.js";
import { findModel, modelFor } from "./models.js";
import { chatBody, completionBody, type ChatBody, type CompletionBody } from "./schemas.js";

const defaultAtOnce = 64;
export const defaultSeconds = 600;
/** Milliseconds that a client has for the end of an answer whose time is over. */
const readPatience = 5_000;

const completionRoute = {
  schema: { body: completionBody },
  ...docs({ tag: "Text", summary: "Write on from a prompt", answer: completionAnswer, event: completionEvent }),
};
const chatRoute = {
  schema: { body: chatBody },
  ...docs({ tag: "Text", summary: "Answer in a conversation", answer: chatAnswer, event: chatEvent }),
};
const modelsRoute = docs({ tag: "Models", summary: "What is served", answer: modelsAnswer });
const modelRoute = docs({ tag: "Models", summary: "One of them", answer: modelAnswer });

export function addApi(app: FastifyInstance, context: Context): void {
  const limit = callerLimit(context.options.atOnce ?? defaultAtOnce, context.leases);
  app.post<{ Body: CompletionBody }>("/v1/completions", completionRoute, (request, reply) =>
    answer({ context, limit, request, reply, job: completionJob(request.body, askerOf(request)) }),
  );
  app.post<{ Body: ChatBody }>("/v1/chat/completions", chatRoute, (request, reply) =>
    answer({ context, limit, request, reply, job: chatJob(request.body, askerOf(request)) }),
  );
  app.get("/v1/models", modelsRoute, () => ({
    object: "list",
    data: [...context.models.keys()].map((name) => modelOf(context, name)),
  }));
  app.get<{ Params: { model: string } }>("/v1/models/:model", modelRoute, ({ params: { model } }) => {
    findModel(context, model);
    return modelOf(context, model);
  });
}

const askerOf = ({ caller, owner }: FastifyRequest): Asker => ({ key: caller, owner });

interface Asked {
  readonly context: Context;
  readonly limit: CallerLimit;
  readonly request: FastifyRequest<{ Body: CompletionBody | ChatBody }>;
  readonly reply: FastifyReply;
  readonly job: Job;
}

async function answer({ context, limit, request, reply, job }: Asked): Promise<unknown> {
  const { name, inference } = modelFor(context, request.body.model, job.kind);
  const head = { id: idOf(job), created: Math.floor(Date.now() / 1000), model: name };
  const work = workOf(job, head);
  request.work = work;
  if (context.options.logPrompts === true) request.log.info({ body: request.body }, "prompt");
  const leave = await limit.enter(request.caller);
  const abort = abortOnLeave(reply, context.options.requestSeconds ?? defaultSeconds);
  onGone(reply, leave);
  const events = { ...watch(context, work), onError: (error: unknown) => void (request.failure ??= error) };
  const choices = await startChoices(inference, job, abort);
  const dropped = droppedOf(choices);
  // A stream without usage has no other place for it.
  if (dropped > 0) reply.header("x-dynamo-dropped-messages", String(dropped));
  if (!job.stream) return wholeAnswer(job, head, choices, events);
  reply.header("content-type", "text/event-stream; charset=utf-8");
  reply.header("cache-control", "no-cache");
  // For proxies that would collect what is a stream.
  reply.header("x-accel-buffering", "no");
  return reply.send(Readable.from(eventLines(reply, streamedAnswer(job, head, choices, events))));
}

async function* eventLines(
  { raw }: FastifyReply,
  events: AsyncIterable<object | "[DONE]">,
): AsyncGenerator<string, void> {
  // The client sees that it has been taken, however long the queue is. Nothing reads this before the headers are set.
  raw.flushHeaders();
  for await (const event of events) yield `data: ${event === "[DONE]" ? event : JSON.stringify(event)}\n\n`;
}

export const idOf = ({ kind }: Job): string => `${kind === "chat" ? "chatcmpl" : "cmpl"}-${randomUUID()}`;

/** When the connection is done with the answer, also when it was gone before anybody looked. */
function onGone({ raw }: FastifyReply, then: () => void): void {
  if (raw.destroyed || raw.socket?.destroyed === true) then();
  else raw.once("close", then);
}

/** Fires when the client is gone before its answer is whole, or when its time is over. */
function abortOnLeave(reply: FastifyReply, seconds: number): AbortController {
  const controller = new AbortController();
  const late = setTimeout(() => {
    const error = new DynamoError("aborted", `the request took longer than ${seconds} s`);
    // Also of one that never takes the rest of its answer.
    reply.request.failure ??= error;
    controller.abort(error);
  }, 1000 * seconds);
  // One that does not even take the error keeps its connection no longer.
  const last = setTimeout(() => reply.raw.destroy(), 1000 * seconds + readPatience);
  onGone(reply, () => {
    clearTimeout(late);
    clearTimeout(last);
    // Half of a connection would stay open until the server ends.
    if (!reply.raw.writableFinished) reply.request.raw.socket.destroy();
    controller.abort(new DynamoError("aborted", "the client is gone"));
  });
  return controller;
}

function modelOf({ models, created }: Context, name: string): object {
  const model = models.get(name)?.model;
  return {
    ...{ id: name, object: "model", created, owned_by: "dynamo" },
    ...(model === undefined
      ? {}
      : { dynamo: { tokenHeads: model.tokenHeads, contextLength: model.contextLength, chat: model.chat } }),
  };
}

export const workOf = (job: Job, { id, model }: AnswerHead): TextWork =>
  textWork({
    id,
    model,
    operation: operationOf(job.kind),
    stream: job.stream,
    texts: job.requests.length,
  });

/** Measures what goes out. */
export function watch({ metrics }: Context, work: TextWork): AnswerEvents {
  const last = new Map<number, number>();
  return {
    onChunk(choice, tokens) {
      const now = performance.now();
      work.written += tokens;
      work.firstText ??= now;
      const before = last.get(choice);
      last.set(choice, now);
      if (before !== undefined) metrics.gap(work.model, (now - before) / 1000);
    },
    onEnd: (each) => {
      work.ends.push(each);
      metrics.ended(work.model, work.operation, each.end);
    },
    onError: () => undefined,
  };
}
