/** LangChain: its model of completions and its chat model. */
import { AIMessage, HumanMessage, SystemMessage } from "@langchain/core/messages";
import { ChatOpenAI, OpenAI } from "@langchain/openai";
import { describe, expect, test } from "vitest";
import { prompt, question, type Served } from "./place.js";

export function langChainSuite(served: Served): void {
  const settings = (): object => ({
    ...{ apiKey: "none", maxTokens: 8, maxRetries: 0 },
    configuration: { baseURL: served().baseURL },
  });
  const chat = (model = "chat"): ChatOpenAI => new ChatOpenAI({ model, ...settings(), modelKwargs: { seed: 1 } });

  describe("LangChain", () => {
    test("completions, whole, streamed and several", async () => {
      const completions = new OpenAI({ model: "stories", ...settings(), modelKwargs: { seed: 1 } });
      const text = await completions.invoke(prompt);
      let streamed = "";
      for await (const part of await completions.stream(prompt)) streamed += part;
      expect(streamed).toBe(text);
      const { generations } = await completions.generate([prompt, "The cat"]);
      expect(generations.map(([first]) => first?.text)).toEqual([text, expect.stringMatching(/./)]);
    });

    test("chats, whole and streamed, with an answer as history", async () => {
      const answer = await chat().invoke(question);
      expect(answer.usage_metadata).toMatchObject({ output_tokens: 8 });
      let streamed = "";
      for await (const part of await chat().stream(question)) streamed += part.text;
      expect(streamed).toBe(answer.text);
      const asked = new HumanMessage(question);
      const history = [new SystemMessage("Be brief."), asked, answer, new AIMessage(answer.text), asked];
      expect((await chat().invoke(history)).usage_metadata).toMatchObject({ output_tokens: 8 });
    });

    test("errors, and a stream that is cancelled", async () => {
      await expect(chat("none").invoke(question)).rejects.toMatchObject({ status: 404, code: "model_not_found" });
      const abort = new AbortController();
      const stream = await chat().stream(question, { signal: abort.signal });
      const drain = async (): Promise<void> => {
        for await (const _part of stream) abort.abort();
      };
      await drain().catch((error: unknown) => expect(String(error)).toMatch(/abort/i));
      expect((await chat().invoke(question)).text).not.toBe("");
    });
  });
}
