/** The openai package: its makers' own client, which most others are built on. */
import { generate, verified } from "@dynamo/decode";
import { loadModel } from "@dynamo/model";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { modelPath } from "@dynamo/stories";
import OpenAI from "openai";
import { beforeAll, describe, expect, test } from "vitest";
import { prompt, question, type Served } from "./place.js";

const asked = { model: "stories", prompt, max_tokens: 24, seed: 7 };

export function openaiSuite(served: Served): void {
  let client: OpenAI;
  beforeAll(() => {
    client = new OpenAI({ baseURL: served().baseURL, apiKey: "none", maxRetries: 0 });
  });

  describe("the openai package: completions", () => {
    test("are the text that the model writes by itself, with usage", async () => {
      const runtime = createNodeRuntime({ device: "cpu" });
      const model = await loadModel(runtime, modelPath);
      const own = await generate(model, prompt, { maxNewTokens: 24, seed: 7 });
      const drafted = await generate(model, prompt, {
        maxNewTokens: 24,
        seed: 7,
        strategy: verified({ temperature: 1.5 }),
      });
      await runtime.dispose();
      const answer = await client.completions.create(asked);
      expect(answer).toMatchObject({ object: "text_completion", model: "stories" });
      expect(answer.choices[0]).toMatchObject({ index: 0, text: own.text, finish_reason: "length", logprobs: null });
      expect(answer.usage).toMatchObject({ completion_tokens: 24, prompt_tokens: own.statistics.promptTokens });
      const judged = await client.completions.create({
        ...asked,
        temperature: 1.5,
        ...{ dynamo: { strategy: "verified" } },
      });
      expect(judged.choices[0]?.text).toBe(drafted.text);
      const { accepted_prediction_tokens: accepted = 0, rejected_prediction_tokens: rejected = 0 } =
        judged.usage?.completion_tokens_details ?? {};
      expect(accepted).toBeGreaterThan(0);
      expect(accepted + rejected).toBeGreaterThan(accepted);
    });

    test("stream: one id, the same text, usage last", async () => {
      const whole = await client.completions.create(asked);
      const ids = new Set<string>();
      let text = "";
      const chunks = [];
      const stream = { stream: true, stream_options: { include_usage: true } } as const;
      for await (const chunk of await client.completions.create({ ...asked, ...stream })) {
        ids.add(`${chunk.id} ${chunk.created} ${chunk.model}`);
        text += chunk.choices[0]?.text ?? "";
        chunks.push(chunk);
      }
      expect(ids.size).toBe(1);
      expect(text).toBe(whole.choices[0]?.text);
      expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 24 } });
      expect(chunks.at(-2)?.choices[0]).toMatchObject({ finish_reason: "length", text: "" });
      expect(chunks.length).toBeLessThan(20);
    });

    test("several prompts, several texts, token ids, echo, stop, logprobs", async () => {
      const many = await client.completions.create({ ...asked, prompt: [prompt, "The cat"], n: 2, max_tokens: 8 });
      expect(many.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
      const first = await client.completions.create({ ...asked, max_tokens: 8 });
      expect(many.choices[0]?.text).toBe(first.choices[0]?.text);
      expect(many.choices[1]?.text).not.toBe(first.choices[0]?.text);
      expect(many.usage?.completion_tokens).toBe(32);

      const ids = await client.completions.create({ ...asked, prompt: [400, 401, 402], echo: true, max_tokens: 3 });
      expect(ids.usage?.prompt_tokens).toBeLessThanOrEqual(4);
      const echoed = await client.completions.create({ ...asked, echo: true, max_tokens: 3 });
      expect(echoed.choices[0]?.text.startsWith(prompt)).toBe(true);

      const stopped = await client.completions.create({ ...asked, max_tokens: 100, stop: [".", "!"] });
      expect(stopped.choices[0]?.finish_reason).toBe("stop");
      expect(stopped.choices[0]?.text).not.toContain(".");

      const likely = await client.completions.create({ ...asked, max_tokens: 5, logprobs: 3 });
      const {
        tokens,
        token_logprobs: values,
        top_logprobs: top,
        text_offset: offsets,
      } = likely.choices[0]?.logprobs ?? {};
      expect(tokens?.join("")).toBe(likely.choices[0]?.text);
      expect(values?.every((value) => value <= 0)).toBe(true);
      expect(Object.keys(top?.[0] ?? {})).toHaveLength(3);
      expect(offsets?.[1]).toBe(tokens?.[0]?.length);
    });

    test("sampling: greedy, nucleus, bias, penalties", async () => {
      const greedy = { ...asked, temperature: 0, max_tokens: 12 };
      const [one, other] = await Promise.all([
        client.completions.create(greedy),
        client.completions.create({ ...greedy, seed: 8 }),
      ]);
      expect(one.choices[0]?.text).toBe(other.choices[0]?.text);
      const narrow = await client.completions.create({
        ...asked,
        temperature: 2,
        top_p: 1e-6,
        ...{ dynamo: { strategy: "autoregressive" } },
        ...{ repetition_penalty: 1 },
      });
      const plain = await client.completions.create({
        ...asked,
        temperature: 0,
        ...{ dynamo: { strategy: "autoregressive" } },
        ...{ repetition_penalty: 1 },
      });
      expect(narrow.choices[0]?.text).toBe(plain.choices[0]?.text);
      const forced = await client.completions.create({ ...asked, max_tokens: 4, logit_bias: { "300": 100 } });
      expect(
        new Set(
          (await client.completions.create({ ...asked, max_tokens: 4, logit_bias: { "300": 100 }, logprobs: 0 }))
            .choices[0]?.logprobs?.tokens,
        ).size,
      ).toBe(1);
      expect(forced.choices[0]?.text).not.toBe("");
      const penalised = await client.completions.create({ ...greedy, max_tokens: 60, frequency_penalty: 2 });
      expect(penalised.choices[0]?.text).not.toBe(
        (await client.completions.create({ ...greedy, max_tokens: 60 })).choices[0]?.text,
      );
    });

    test("an aborted stream ends, and the next request is served", async () => {
      const stream = await client.completions.create({ ...asked, max_tokens: 400, stream: true });
      let seen = 0;
      for await (const chunk of stream) if ((seen += chunk.choices.length) > 2) stream.controller.abort();
      expect(seen).toBeLessThan(100);
      expect((await client.completions.create({ ...asked, max_tokens: 2 })).usage?.completion_tokens).toBe(2);
    });
  });

  describe("the openai package: chat", () => {
    const messages = [{ role: "user" as const, content: question }];

    test("answers, whole and as a stream, with logprobs", async () => {
      const body = { model: "chat", messages, seed: 3, max_completion_tokens: 12 };
      const whole = await client.chat.completions.create({ ...body, logprobs: true, top_logprobs: 2 });
      const [choice] = whole.choices;
      expect(choice?.message).toMatchObject({ role: "assistant" });
      expect(choice?.logprobs?.content?.map(({ token }) => token).join("")).toBe(choice?.message.content);
      expect(choice?.logprobs?.content?.[0]?.top_logprobs).toHaveLength(2);
      const streamed = client.chat.completions.stream(body);
      const final = await streamed.finalChatCompletion();
      expect(final.choices[0]?.message.content).toBe(choice?.message.content);
    });

    test("a turn that goes on begins with what is there already", async () => {
      const body = { model: "chat", seed: 3, max_tokens: 12 };
      const first = await client.chat.completions.create({ ...body, messages });
      const answer = first.choices[0]?.message as OpenAI.ChatCompletionMessage;
      const history = [...messages, answer, ...messages];
      const second = await client.chat.completions.create({ ...body, messages: history });
      expect(second.usage?.prompt_tokens_details?.cached_tokens).toBeGreaterThan(8);
      const bare = [...messages, { role: "assistant" as const, content: answer.content }, ...messages];
      const same = await client.chat.completions.create({ ...body, messages: bare });
      expect(same.choices[0]?.message.content).toBe(second.choices[0]?.message.content);
    });
  });

  describe("the openai package: what is refused", () => {
    const cases: readonly (readonly [object, number, string | null, RegExp])[] = [
      [{ suffix: "x" }, 400, "suffix", /suffix: not supported/],
      [{ best_of: 3 }, 400, "best_of", /expected n \(1\), received 3/],
      [{ n: 1000 }, 400, "n", /^n: /],
      [{ temperature: 3 }, 400, "temperature", /^temperature: /],
      [{ logit_bias: { x: 1 } }, 400, null, /token ids run from 0 to 4095, received x/],
      [{ logit_bias: { "99999": 1 } }, 400, null, /token ids run from 0 to 4095, received 99999/],
      [{ max_tokens: -2 }, 400, "max_tokens", /^max_tokens/],
      [{ prompt: "" }, 400, null, /prompt is empty/],
      [{ prompt: new Array<number>(600).fill(5) }, 400, null, /the context holds 512/],
      [{ prompt: [99_999] }, 400, null, /token ids run from 0 to 4095/],
      [{ model: "gpt-4" }, 404, "model", /there is no model gpt-4: expected stories, chat/],
      [{ dynammo: {} }, 400, "dynammo", /dynammo: this parameter is not supported/],
      [{ dynamo: { backoff: 2 } }, 400, "dynamo.backoff", /^dynamo\.backoff/],
      [{ dynamo: { speed: 2 } }, 400, "dynamo.speed", /not supported/],
    ];
    test.each(cases)("%j", async (change, status, param, message) => {
      const error: unknown = await client.completions
        .create({ ...asked, ...change } as never)
        .catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(OpenAI.APIError);
      expect(error).toMatchObject({ status, param, error: { type: "invalid_request_error" } });
      expect((error as { error: { message: string } }).error.message).toMatch(message);
      expect((error as InstanceType<typeof OpenAI.APIError>).requestID).toMatch(/^[0-9a-f-]{36}$/);
    });

    test("a prompt that is too long has OpenAI's own code", async () => {
      const long = client.completions.create({ ...asked, prompt: new Array<number>(600).fill(5) });
      await expect(long).rejects.toMatchObject({ status: 400, code: "context_length_exceeded" });
    });

    test("a model without a chat template does not chat", async () => {
      const chat = client.chat.completions.create({ model: "stories", messages: [{ role: "user", content: "hi" }] });
      await expect(chat).rejects.toThrow(/stories is no chat model/);
    });
  });

  describe("the openai package: models", () => {
    test("models are listed", async () => {
      const models = await client.models.list();
      expect(models.data.map(({ id }) => id)).toEqual(["stories", "chat"]);
      expect(await client.models.retrieve("stories")).toMatchObject({ id: "stories", object: "model" });
      await expect(client.models.retrieve("none")).rejects.toMatchObject({ status: 404 });
    });
  });
}
