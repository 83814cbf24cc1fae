/** A small DynaMo server over HTTP for the tests: the real decode loop on the embedded model in Node, in @dynamo/protocol's words. */
import { setTimeout } from "node:timers/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { DynamoError } from "@dynamo/core";
import { chatPrompt, loadModel, type LoadedModel } from "@dynamo/model";
import {
  parseChatRequest,
  parseCompletionRequest,
  toWireCandidates,
  type ChatChunk,
  type ChatRequest,
  type CompletionChunk,
  type CompletionRequest,
  type WirePass,
} from "@dynamo/protocol";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { orderTrace, writePasses, type Pass } from "../src/passes/pass.js";
import { adjustmentsOf, strategyOf } from "../src/passes/strategy-of.js";

export interface ApiServer {
  /** Ends in /v1. */
  readonly address: string;
  readonly model: LoadedModel;
  /** Method, path and key of every request so far. */
  readonly requests: readonly string[];
  /** The bodies of those that had one. */
  readonly bodies: readonly unknown[];
  /** Streams that the other end left before they were whole. */
  readonly left: number;
  /** Ends it at once, streams included. */
  kill(): Promise<void>;
  close(): Promise<void>;
}

export interface ApiServerOptions {
  readonly folder: string;
  readonly key?: string;
  /** Passes after which every stream fails with an error of the server. */
  readonly failAfter?: number;
  /** Milliseconds that each pass takes at least: texts that can be stopped on any machine. */
  readonly pace?: number;
  /** Chunks that are text alone, as other servers send them. */
  readonly plain?: boolean;
}

export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const runtime = createNodeRuntime({ device: "cpu", threads: 1 });
  const model = await loadModel(runtime, options.folder);
  const requests: string[] = [];
  const bodies: unknown[] = [];
  let left = 0;
  const server = createServer((request, response) => {
    response.on("close", () => {
      if (!response.writableFinished) left++;
    });
    requests.push(`${request.method ?? ""} ${request.url ?? ""} ${request.headers.authorization ?? "-"}`);
    answer(model, options, request, response, bodies).catch((error: unknown) => {
      const status = DynamoError.is(error) && error.code === "invalid-argument" ? 400 : 500;
      if (!response.headersSent) response.writeHead(status, { "Content-Type": "application/json" });
      response.end(JSON.stringify(errorOf(error)));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const kill = (): Promise<void> => killed(server);
  return {
    address,
    model,
    requests,
    bodies,
    get left() {
      return left;
    },
    kill,
    async close() {
      await kill();
      await runtime.dispose();
    },
  };
}

function killed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

const errorOf = (error: unknown): object => ({
  error: { message: error instanceof Error ? error.message : String(error), type: "server_error" },
});

async function answer(
  model: LoadedModel,
  options: ApiServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
  bodies: unknown[],
): Promise<void> {
  response.setHeader("Access-Control-Allow-Origin", request.headers.origin ?? "*");
  response.setHeader("Access-Control-Allow-Headers", "Authorization, Content-Type");
  if (request.method === "OPTIONS") {
    response.writeHead(204).end();
    return;
  }
  if (options.key !== undefined && request.headers.authorization !== `Bearer ${options.key}`) {
    response.writeHead(401, { "Content-Type": "application/json" });
    response.end(JSON.stringify({ error: { message: "no valid key", type: "invalid_request_error" } }));
    return;
  }
  const path = request.url ?? "";
  if (path === "/v1/models") {
    const { tokenHeads, contextLength } = model.info;
    const entry = (id: string, chat: boolean): object => ({
      id,
      object: "model",
      dynamo: { tokenHeads, contextLength, chat },
    });
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ object: "list", data: [entry("stories", true), entry("stories-plain", false)] }));
    return;
  }
  const body: unknown = JSON.parse(await bodyOf(request));
  bodies.push(body);
  if (path === "/v1/completions") {
    const parsed = parseCompletionRequest(body);
    await stream(model, parsed.prompt, parsed, "completion", options, response);
  } else {
    const parsed = parseChatRequest(body);
    const { prompt } = chatPrompt(model, parsed.messages, { maxNewTokens: parsed.max_tokens ?? 128 });
    await stream(model, prompt, parsed, "chat", options, response);
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}

async function stream(
  model: LoadedModel,
  prompt: string,
  body: CompletionRequest | ChatRequest,
  kind: "completion" | "chat",
  { failAfter = Infinity, plain = false, pace = 0 }: ApiServerOptions,
  response: ServerResponse,
): Promise<void> {
  const controller = new AbortController();
  response.on("close", () => controller.abort());
  const {
    strategy = "dynamo",
    joint = "auto" as const,
    backoff = 0.5,
    maskStrength = 1,
    adaptive = true,
    blur = true,
  } = body.dynamo ?? {};
  const settings = {
    ...{ strategy, joint, backoff, maskStrength, adaptive, blur },
    temperature: body.temperature ?? 0.7,
    topK: body.top_k ?? 50,
    ...{ topP: body.top_p, minP: body.min_p, typicalP: body.typical_p },
    penalty: body.repetition_penalty ?? 1.1,
    ...{ presencePenalty: body.presence_penalty, frequencyPenalty: body.frequency_penalty, logitBias: body.logit_bias },
  };
  const send = (event: object | string): boolean =>
    response.write(`data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`);
  const options = {
    ...{ prompt, length: body.max_tokens ?? 128, seed: body.seed ?? 1, signal: controller.signal },
    adjustments: adjustmentsOf(settings),
  };
  response.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8" });
  if (kind === "chat")
    send({ choices: [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }] });
  try {
    for await (const pass of writePasses(model, { ...options, strategy: strategyOf(settings, undefined) })) {
      if (pass.index >= failAfter) throw new DynamoError("runtime", "the device was lost");
      const dynamo = plain || body.dynamo?.trace !== true ? undefined : wirePassOf(pass, model);
      send(kind === "chat" ? chatChunk(pass.text, dynamo) : completionChunk(pass.text, dynamo));
      await setTimeout(pace);
    }
    send("[DONE]");
  } catch (error) {
    send(errorOf(error));
  }
  response.end();
}

const completionChunk = (text: string, dynamo: WirePass | undefined): CompletionChunk => ({
  choices: [{ index: 0, text, finish_reason: null }],
  dynamo,
});

const chatChunk = (content: string, dynamo: WirePass | undefined): ChatChunk => ({
  choices: [{ index: 0, delta: { content }, finish_reason: null }],
  dynamo,
});

function wirePassOf(pass: Pass, { tokenizer }: LoadedModel): WirePass {
  const { index, order, seconds, step } = pass;
  const decode = (ids: readonly number[]): string => tokenizer.decode(ids);
  return {
    index,
    order,
    seconds,
    tokens: pass.tokens.map((id) => ({ id, text: decode([id]) })),
    accepted: step.accepted,
    positions: step.positions.map((heads) => heads.map((each) => toWireCandidates(each, { decode, count: 8 }))),
    orders: orderTrace(pass)?.map((each) => ({ ...each })),
  };
}
