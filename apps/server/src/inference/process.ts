/** The inference process: one model, its engine, and nothing of HTTP. A crash in native code ends it, and not the server. */
import type { GenerationChunk } from "@dynamo/decode";
import { createEngine, type Engine, type EngineGeneration, type EngineResult } from "@dynamo/engine";
import { hasChatTemplate, loadModel, type LoadedModel } from "@dynamo/model";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { engineRequest } from "./engine-request.js";
import type {
  FromInference,
  InferenceChunk,
  InferenceSettings,
  PreparedRequest,
  ServedModel,
  ToInference,
} from "./messages.js";
import { loadStrategies, strategyOf, traced, type Strategies } from "./strategy.js";
import { wireLogprobs } from "./wire-tokens.js";
import { failureOf } from "./failure.js";

interface Opened {
  readonly model: LoadedModel;
  readonly engine: Engine;
  readonly strategies: Strategies;
  close(now: boolean): Promise<void>;
}

const running = new Map<number, AbortController>();
let opened: Opened | undefined;

function send(message: FromInference): void {
  // The server is gone: so is everybody who waits for an answer.
  if (!process.connected) process.exit(0);
  process.send?.(message);
}

async function open({ folder, device, dtype, threads, slots, queue, plugins }: InferenceSettings): Promise<Opened> {
  const strategies = await loadStrategies(plugins);
  const runtime = createNodeRuntime({ device, threads });
  const model = await loadModel(runtime, folder, { dtype });
  const engine = await createEngine(model, {
    slots,
    queue,
    onPass: (pass) => send({ kind: "pass", pass, state: engine.state }),
    onIdle: () => send({ kind: "idle", state: engine.state }),
    // The server starts a process anew that has ended; first its errors go out.
    onBroken: () => setImmediate(() => process.exit(1)),
  });
  return {
    model,
    engine,
    strategies,
    async close(now) {
      await engine.close({ now });
      await model.dispose();
      await runtime.dispose();
    },
  };
}

/** From the thread that decodes: one that hangs says nothing. Forward passes have a thread of their own. */
function beat(interval: number): void {
  setInterval(() => {
    const { rss, heapUsed } = process.memoryUsage();
    send({ kind: "alive", memory: { resident: rss, heap: heapUsed } });
  }, interval).unref();
}

async function streamRequest(
  { model, engine, strategies }: Opened,
  id: number,
  request: PreparedRequest,
): Promise<void> {
  const controller = new AbortController();
  running.set(id, controller);
  try {
    const decode = (tokens: readonly number[]): string => model.tokenizer.decode(tokens);
    const trace = traced(strategyOf(request.strategy, { strategies, info: model.info }), decode);
    const generation = engine.submit({
      ...engineRequest(request),
      ...{ prompt: request.prompt, strategy: trace.strategy, signal: controller.signal },
    });
    send({ kind: "taken", id });
    // The prompt's own tokens have their characters too, where they are told.
    const before = request.promptLogprobs === undefined ? request.prompt : [];
    const logprobsOf = wireLogprobs(model, model.tokenizer.stream(before));
    await forward(id, generation, (chunk) => ({
      text: chunk.text,
      tokens: chunk.tokens.length,
      // In the order of the text, which their decoding needs.
      promptLogprobs: chunk.promptLogprobs && logprobsOf(chunk.promptLogprobs),
      logprobs: logprobsOf(chunk.logprobs ?? []),
      pass: request.trace && chunk.pass !== undefined ? trace.passOf(chunk as GenerationChunk) : undefined,
    }));
  } catch (error) {
    send({ kind: "error", id, error: failureOf(error) });
  } finally {
    running.delete(id);
  }
}

/** A chunk, or of a text without any what its prompt had. */
type Told = Pick<GenerationChunk, "text" | "tokens" | "logprobs" | "promptLogprobs"> & Partial<GenerationChunk>;

async function forward(
  id: number,
  generation: EngineGeneration,
  chunkFrom: (chunk: Told) => InferenceChunk,
): Promise<void> {
  let chunks = 0;
  for await (const chunk of generation) {
    chunks++;
    send({ kind: "chunk", id, chunk: chunkFrom(chunk) });
  }
  const { finishReason, tokens, statistics, promptLogprobs = [] }: EngineResult = await generation;
  if (chunks === 0) send({ kind: "chunk", id, chunk: chunkFrom({ text: "", tokens: [], promptLogprobs }) });
  const reason = finishReason === "length" ? "length" : "stop";
  send({ kind: "end", id, end: { finishReason: reason, tokens: tokens.length, statistics } });
}

function servedModel(model: LoadedModel): ServedModel {
  const { info, device, dtype, warnings } = model;
  const { tokenHeads, contextLength, vocabularySize } = info;
  const { maxNewTokens } = info.generation;
  const chat = hasChatTemplate(model);
  return { tokenHeads, contextLength, vocabularySize, maxNewTokens, device, dtype, chat, warnings };
}

async function handle(message: ToInference): Promise<void> {
  if (message.kind === "open") {
    try {
      opened = await open(message.settings);
    } catch (error) {
      send({ kind: "failed", error: failureOf(error) });
      process.disconnect();
      return;
    }
    send({ kind: "ready", model: servedModel(opened.model) });
    beat(message.beat);
  } else if (message.kind === "cancel") running.get(message.id)?.abort();
  else if (message.kind === "close") {
    await opened?.close(message.now);
    process.disconnect();
  } else if (opened !== undefined) await streamRequest(opened, message.id, message.request);
}

// The terminal's Ctrl-C reaches every process of the group: the server decides when this one ends.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);
process.on("disconnect", () => process.exit(0));
process.on("message", (message: ToInference) => void handle(message));
