/** LlamaIndex: its OpenAI model. */
import type { ChatMessage } from "@llamaindex/core/llms";
import { OpenAI } from "@llamaindex/openai";
import { describe, expect, test } from "vitest";
import { prompt, question, type Served } from "./place.js";

export function llamaIndexSuite(served: Served): void {
  const llm = (model = "chat"): OpenAI =>
    new OpenAI({
      ...{ model, apiKey: "none", baseURL: served().baseURL, maxTokens: 8, maxRetries: 0 },
      additionalChatOptions: { seed: 1 },
    });
  const user = (content: string): ChatMessage => ({ role: "user", content });

  describe("LlamaIndex", () => {
    test("chats, whole and streamed, with an answer as history", async () => {
      const { message } = await llm().chat({ messages: [user(question)] });
      expect(message.content).not.toBe("");
      let streamed = "";
      for await (const { delta } of await llm().chat({ messages: [user(question)], stream: true })) streamed += delta;
      expect(streamed).toBe(message.content);
      const system = { role: "system" as const, content: "Be brief." };
      const next = await llm().chat({ messages: [system, user(question), message, user(question)] });
      expect(next.message.role).toBe("assistant");
    });

    test("completes through a chat, whole and streamed", async () => {
      const { text } = await llm().complete({ prompt });
      let streamed = "";
      for await (const part of await llm().complete({ prompt, stream: true })) streamed += part.text;
      expect(streamed).toBe(text);
    });

    test("errors, and a stream that is left", async () => {
      await expect(llm("none").chat({ messages: [user(question)] })).rejects.toMatchObject({ status: 404 });
      for await (const _part of await llm().chat({ messages: [user(question)], stream: true })) break;
      expect((await llm().chat({ messages: [user(question)] })).message.content).not.toBe("");
    });
  });
}
