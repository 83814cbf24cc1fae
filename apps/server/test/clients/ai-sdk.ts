/** The AI SDK with its own provider for OpenAI and with the one for servers like it. */
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateText, streamText, type LanguageModel } from "ai";
import { describe, expect, test } from "vitest";
import { prompt, question, type Served } from "./place.js";

const settings = { seed: 1, maxOutputTokens: 10, maxRetries: 0 };

export function aiSdkSuite(served: Served): void {
  const providers = {
    "@ai-sdk/openai-compatible": () => {
      const { baseURL } = served();
      const provider = createOpenAICompatible({ name: "dynamo", baseURL, includeUsage: true });
      return { chat: provider.chatModel, completion: provider.completionModel };
    },
    "@ai-sdk/openai": () => {
      const provider = createOpenAI({ baseURL: served().baseURL, apiKey: "none" });
      return { chat: (id: string) => provider.chat(id), completion: (id: string) => provider.completion(id) };
    },
  };
  const names = Object.keys(providers) as (keyof typeof providers)[];

  describe.each(names)("the AI SDK with %s", (name) => {
    const streamed = async (model: LanguageModel, asked: string): Promise<{ text: string; tokens: number }> => {
      const stream = streamText({ ...settings, model, prompt: asked });
      let text = "";
      for await (const part of stream.textStream) text += part;
      return { text, tokens: (await stream.usage).outputTokens ?? 0 };
    };

    test("completions, whole and streamed", async () => {
      const model = providers[name]().completion("stories");
      const { text, usage, finishReason } = await generateText({ ...settings, model, prompt });
      expect([usage.outputTokens, finishReason]).toEqual([10, "length"]);
      expect(await streamed(model, prompt)).toEqual({ text, tokens: 10 });
    });

    test("chats, whole and streamed, with an answer as history", async () => {
      const model = providers[name]().chat("chat");
      const { text, response } = await generateText({ ...settings, model, prompt: question });
      expect(await streamed(model, question)).toEqual({ text, tokens: 10 });
      const turn = { role: "user" as const, content: question };
      const messages = [{ role: "system" as const, content: "Be brief." }, turn, ...response.messages, turn];
      const next = await generateText({ ...settings, model, messages, allowSystemInMessages: true });
      expect(next.usage.outputTokens).toBe(10);
      expect(next.usage.inputTokens).toBeGreaterThan(20);
    });

    test("errors, and a stream that is cancelled", async () => {
      const { chat, completion } = providers[name]();
      const refused: unknown = await generateText({ ...settings, model: chat("none"), prompt: question }).catch(
        (error: unknown) => error,
      );
      expect(APICallError.isInstance(refused)).toBe(true);
      expect(refused).toMatchObject({ statusCode: 404, message: expect.stringMatching(/no model none/) as unknown });
      const abort = new AbortController();
      const stream = streamText({
        ...settings,
        ...{ model: completion("stories"), prompt, maxOutputTokens: 400, abortSignal: abort.signal },
      });
      let parts = 0;
      for await (const { type } of stream.fullStream) if (type === "text-delta" && ++parts === 3) abort.abort();
      expect(parts).toBeLessThan(100);
      expect((await generateText({ ...settings, model: completion("stories"), prompt })).text).not.toBe("");
    });
  });
}
