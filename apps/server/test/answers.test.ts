/** What answers say of their tokens and prompts, from one running server. */
import { scoreContinuations } from "@dynamo/eval";
import { loadModel } from "@dynamo/model";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { modelPath } from "@dynamo/stories";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { chatFolder } from "./chat-folder.js";
import { ask, eventsOf } from "./http.js";
import { startServer, type RunningServer } from "./start-server.js";

const template = `{% if messages[0].role != 'user' %}{{ raise_exception('This template begins with the user') }}{% endif -%}
{% for message in messages %}{{ message.role }}{% if message.name %} ({{ message.name }}){% endif %}: {{ message.content }}
{% endfor %}{% if mood is defined %}[{{ mood }}] {% endif %}assistant:`;

let server: RunningServer;
let remove: () => Promise<void>;
beforeAll(async () => {
  const chat = await chatFolder(template);
  ({ remove } = chat);
  const recommended = join(chat.folder, "generation_config.json");
  const config = JSON.parse(await readFile(recommended, "utf8")) as object;
  await writeFile(recommended, JSON.stringify({ ...config, max_new_tokens: 7 }));
  const models = { chat: { folder: chat.folder }, strict: { folder: chat.folder, dropMessages: false } };
  server = await startServer({ options: { models } });
});
afterAll(async () => {
  await server.stop();
  await remove();
});

const completion = z.object({
  choices: z.array(
    z.object({
      text: z.string(),
      finish_reason: z.string().nullable(),
      logprobs: z
        .object({
          tokens: z.array(z.string()),
          token_logprobs: z.array(z.number().nullable()),
          top_logprobs: z.array(z.record(z.string(), z.number()).nullable()),
          text_offset: z.array(z.number()),
        })
        .nullable(),
    }),
  ),
  usage: z.object({
    prompt_tokens: z.number(),
    completion_tokens: z.number(),
    prompt_tokens_details: z.object({ cached_tokens: z.number() }),
  }),
});
const complete = async (body: object) => completion.parse((await ask(server, body)).json);
const asked = { prompt: "Once upon a time", max_tokens: 12, seed: 1 };

describe("token-level fields", () => {
  const stopped = { ...asked, max_tokens: 40, logprobs: 0, stop: " play" };

  test.each([{ backoff: 0.1 }, { backoff: 1 }, { strategy: "autoregressive" }, { strategy: "verified" }])(
    "end where the text does, with %j",
    async (dynamo) => {
      const { choices, usage } = await complete({ ...stopped, dynamo });
      const { text, logprobs } = choices[0] ?? {};
      expect(logprobs?.tokens.join("").slice(0, text?.length)).toBe(text);
      const [last] = logprobs?.tokens.slice(-1) ?? [];
      // The last token is what made the stop string whole, if there was one.
      if (choices[0]?.finish_reason === "stop") expect(last?.startsWith(" play")).toBe(true);
      expect(usage.completion_tokens).toBe(logprobs?.tokens.length);
      if ("backoff" in dynamo && dynamo.backoff === 0.1) expect(usage.completion_tokens).toBe(13);
    },
  );

  test("bytes are the token's own, of half a character too", async () => {
    const body = { model: "chat", messages: [{ role: "user", content: "Hello" }], max_tokens: 24, seed: 1 };
    const forced = { ...body, logit_bias: { 128: 100, 103: 100 }, logprobs: true, top_logprobs: 2 };
    const { json } = await ask(server, forced, { path: "/v1/chat/completions" });
    const one = z.object({ token: z.string(), bytes: z.array(z.number()) });
    const { choices } = z
      .object({ choices: z.array(z.object({ logprobs: z.object({ content: z.array(one) }) })) })
      .parse(json);
    const bytes = new Map(choices[0]?.logprobs.content.map(({ token, bytes: own }) => [token, own]));
    expect([...bytes].sort()).toEqual([
      ["\\xa9", [0xa9]],
      ["\\xc3", [0xc3]],
    ]);
  });

  test("halves of characters are told apart, and offsets count what was complete", async () => {
    const forced = { ...asked, max_tokens: 24, logit_bias: { 128: 100, 103: 100 }, logprobs: 2 };
    const { choices } = await complete(forced);
    const { text = "", logprobs } = choices[0] ?? {};
    expect(new Set(logprobs?.tokens)).toEqual(new Set(["bytes:\\xc3", "bytes:\\xa9"]));
    for (const top of logprobs?.top_logprobs ?? []) expect(Object.keys(top ?? {})).toHaveLength(2);
    // Independent of the tokenizer: what a decoder has given before each token's byte.
    const decoder = new TextDecoder();
    let before = 0;
    const offsets = logprobs?.tokens.map((token) => {
      const at = before;
      before += decoder.decode(Uint8Array.of(parseInt(token.slice(-2), 16)), { stream: true }).length;
      return at;
    });
    expect(logprobs?.text_offset).toEqual(offsets);
    expect(text.length).toBeGreaterThanOrEqual(before);
  });

  test("n alternatives, whatever top_k is", async () => {
    const { choices } = await complete({ ...asked, top_k: 1, logprobs: 5, dynamo: { backoff: 0.1 } });
    const { token_logprobs: values, top_logprobs: top } = choices[0]?.logprobs ?? {};
    expect(top?.map((each) => Object.keys(each ?? {}).length)).toEqual(new Array(12).fill(5));
    expect(values?.every((value) => value !== null)).toBe(true);
  });

  test("streamed, they are the whole answer's", async () => {
    const body = { ...asked, logprobs: 3, logit_bias: { 128: 4, 103: 4 } };
    const { choices } = await complete(body);
    const events = eventsOf((await ask(server, { ...body, stream: true })).text).slice(0, -1);
    const parts = events.flatMap((event) => completion.partial({ usage: true }).parse(event).choices);
    const joined = parts.flatMap(({ logprobs }) => logprobs?.text_offset ?? []);
    expect(joined).toEqual(choices[0]?.logprobs?.text_offset);
    expect(parts.flatMap(({ logprobs }) => logprobs?.tokens ?? [])).toEqual(choices[0]?.logprobs?.tokens);
  });
});

describe("prompts", () => {
  test("of token ids are taken as they are, also those that no text gives", async () => {
    const { model } = z
      .object({ model: z.object({ vocab: z.record(z.string(), z.number()) }) })
      .parse(JSON.parse(await readFile(join(modelPath, "tokenizer.json"), "utf8")));
    // One character each: encoding their text again would merge them.
    const ids = ["O", "n", "c", "e"].map((letter) => model.vocab[letter] as number);
    const { usage, choices } = await complete({ ...asked, prompt: ids, echo: true });
    expect(usage.prompt_tokens).toBe(4);
    expect(choices[0]?.text.startsWith("Once")).toBe(true);
  });

  test("are scored by echo with logprobs, whole and streamed, as an evaluation scores them", async () => {
    const runtime = createNodeRuntime({ device: "cpu" });
    const model = await loadModel(runtime, modelPath);
    const context = "Once upon a time, there was a little";
    const [scoredAlone] = await scoreContinuations(model, [{ context, continuation: " girl named Lily." }]);
    // The model begins every text with its begin-of-text, whose text is its name.
    const begin = model.info.beginOfTextId as number;
    const ids = [begin, ...model.tokenizer.encode(`${context} girl named Lily.`)];
    const before = 1 + model.tokenizer.encode(context).length;
    await runtime.dispose();
    for (const max_tokens of [0, 1, 3]) {
      const body = { ...asked, prompt: ids, max_tokens, echo: true, logprobs: 1 };
      const { choices, usage } = await complete(body);
      const {
        tokens = [],
        token_logprobs: values = [],
        top_logprobs: top = [],
        text_offset: offsets,
      } = choices[0]?.logprobs ?? {};
      expect(usage.completion_tokens).toBe(max_tokens);
      expect([tokens.length, values[0], top[0]]).toEqual([ids.length + max_tokens, null, null]);
      expect(tokens.slice(1).join("")).toBe(choices[0]?.text);
      expect(offsets).toEqual(tokens.map((_, i) => tokens.slice(1, Math.max(1, i)).join("").length));
      const scored = values.slice(before, ids.length).reduce<number>((sum, value) => sum + (value ?? NaN), 0);
      expect(scored).toBeCloseTo(scoredAlone?.logLikelihood ?? NaN, 3);
      const events = eventsOf((await ask(server, { ...body, stream: true })).text).slice(0, -1);
      const parts = events.flatMap((event) => completion.partial({ usage: true }).parse(event).choices);
      expect(parts.flatMap(({ logprobs }) => logprobs?.tokens ?? [])).toEqual(tokens);
      expect(parts.map(({ text }) => text).join("")).toBe(choices[0]?.text);
    }
  });

  test("of several texts are counted once, and what was there of them too", async () => {
    const prompt = "The three little birds sat in the old tree by the river and sang";
    const first = await complete({ ...asked, prompt, n: 3 });
    const single = await complete({ ...asked, prompt });
    expect(first.usage.prompt_tokens).toBe(single.usage.prompt_tokens);
    expect(first.usage.prompt_tokens_details.cached_tokens).toBe(0);
    const again = await complete({ ...asked, prompt, n: 3 });
    expect(again.usage.prompt_tokens_details.cached_tokens).toBeGreaterThan(0);
    expect(again.usage.prompt_tokens_details.cached_tokens).toBeLessThan(again.usage.prompt_tokens);
    const salted = await complete({ ...asked, prompt, cache_salt: "mine" });
    expect(salted.usage.prompt_tokens_details.cached_tokens).toBe(0);
  });
});

describe("sampling of llama.cpp's and vLLM's users", () => {
  const text = async (change: object): Promise<string> =>
    (await complete({ ...asked, ...change })).choices[0]?.text ?? "";
  const loose = { temperature: 2, max_tokens: 20, repetition_penalty: 1 };

  test("min_p and typical_p reach the strategy", async () => {
    const greedy = await text({ ...loose, temperature: 0, dynamo: { strategy: "autoregressive" } });
    const free = await text({ ...loose, dynamo: { strategy: "autoregressive" } });
    expect(free).not.toBe(greedy);
    expect(await text({ ...loose, min_p: 1, dynamo: { strategy: "autoregressive" } })).toBe(greedy);
    expect(await text({ ...loose, typical_p: 0.1, dynamo: { strategy: "autoregressive" } })).not.toBe(free);
  });

  test("stop_token_ids, min_tokens and ignore_eos decide where a text ends", async () => {
    const end = 0;
    const whole = { ...asked, prompt: "The end.", max_tokens: 30, logit_bias: { [end]: 100 } };
    expect((await complete(whole)).usage.completion_tokens).toBe(1);
    expect((await complete({ ...whole, min_tokens: 7 })).usage.completion_tokens).toBe(8);
    expect((await complete({ ...whole, ignore_eos: true })).usage.completion_tokens).toBe(30);
    const forced = { ...asked, max_tokens: 30, logit_bias: { 300: 100 } };
    const ended = await complete({ ...forced, stop_token_ids: [300] });
    expect([ended.usage.completion_tokens, ended.choices[0]?.finish_reason]).toEqual([1, "stop"]);
    const refused = await ask(server, { ...asked, min_tokens: 13 });
    expect([refused.status, refused.json]).toMatchObject([400, { error: { param: "min_tokens" } }]);
  });
});

describe("conversations", () => {
  const path = "/v1/chat/completions";
  const user = (content: string): object => ({ role: "user", content });
  const chat = { model: "chat", max_tokens: 4, seed: 1 };
  const body = z.object({ usage: z.object({ prompt_tokens: z.number() }), dynamo: z.unknown().optional() });

  test("a template that raises is the caller's fault, in the template's words", async () => {
    const logged = server.log().length;
    const { status, json } = await ask(
      server,
      { ...chat, messages: [{ role: "system", content: "x" }, user("y")] },
      { path },
    );
    expect([status, json]).toMatchObject([
      400,
      { error: { type: "invalid_request_error", message: "This template begins with the user" } },
    ]);
    expect(server.log().slice(logged)).not.toMatch(/stack|node_modules/);
  });

  test("names and chat_template_kwargs reach the template", async () => {
    const tokens = async (change: object, message: object = user("Hello")): Promise<number> =>
      body.parse((await ask(server, { ...chat, ...change, messages: [message] }, { path })).json).usage.prompt_tokens;
    const plain = await tokens({});
    expect(await tokens({ chat_template_kwargs: { mood: "merry" } })).toBeGreaterThan(plain);
    expect(await tokens({}, { ...user("Hello"), name: "Ann" })).toBeGreaterThan(plain);
  });

  test("an answer is as long as the model's folder recommends, where its request does not say", async () => {
    const lengthOf = async (more: object): Promise<unknown> => {
      const asked = { model: "chat", seed: 1, ignore_eos: true, messages: [user("Hello")], ...more };
      const { json } = await ask(server, asked, { path });
      return z.object({ usage: z.object({ completion_tokens: z.number() }) }).parse(json).usage.completion_tokens;
    };
    expect([await lengthOf({}), await lengthOf({ max_tokens: 3 })]).toEqual([7, 3]);
    expect(await lengthOf({ max_tokens: -1 })).toBeGreaterThan(400);
  });

  test("turns that were left out are told, or the conversation is refused", async () => {
    const turns = Array.from({ length: 60 }, (_, i) => [
      user(`Tell me more of the dog, part ${i}.`),
      { role: "assistant", content: "It ran." },
    ]);
    const messages = [...turns.flat(), user("And then?")];
    const whole = await ask(server, { ...chat, messages }, { path });
    const dropped = z.object({ droppedMessages: z.number() }).parse(body.parse(whole.json).dynamo).droppedMessages;
    expect(dropped).toBeGreaterThan(10);
    expect(dropped).toBeLessThan(messages.length);
    expect(whole.headers.get("x-dynamo-dropped-messages")).toBe(String(dropped));
    const stream = await ask(
      server,
      { ...chat, messages, stream: true, stream_options: { include_usage: true } },
      { path },
    );
    expect(eventsOf(stream.text).at(-2)).toMatchObject({ dynamo: { droppedMessages: dropped } });
    expect(stream.headers.get("x-dynamo-dropped-messages")).toBe(String(dropped));
    const few = await ask(server, { ...chat, messages: [user("Hello")] }, { path });
    expect([body.parse(few.json).dynamo, few.headers.get("x-dynamo-dropped-messages")]).toEqual([undefined, null]);

    const refusal = { error: { code: "context_length_exceeded", type: "invalid_request_error" } };
    const named = await ask(server, { ...chat, messages, dynamo: { dropMessages: false } }, { path });
    expect([named.status, named.json]).toMatchObject([400, refusal]);
    const strict = await ask(server, { ...chat, model: "strict", messages }, { path });
    expect([strict.status, strict.json]).toMatchObject([400, refusal]);
    const allowed = await ask(server, { ...chat, model: "strict", messages, dynamo: { dropMessages: true } }, { path });
    expect(allowed.status).toBe(200);
  });
});
