/**
 * Instructor: without a response model it is the openai client, and all of that works. With one, it needs a model that writes
 * JSON: tools and JSON modes are refused by name until there is structured output; its mode of plain text (MD_JSON) is taken.
 */
import createInstructor from "@instructor-ai/instructor";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { z } from "zod/v3";
import { question, type Served } from "./place.js";

const messages = [{ role: "user" as const, content: question }];
const plain = { model: "chat", messages, seed: 1, max_tokens: 8 };

export function instructorSuite(served: Served): void {
  const instructor = (mode: "MD_JSON" | "JSON" | "TOOLS") =>
    createInstructor({
      client: new OpenAI({ baseURL: served().baseURL, apiKey: "none", maxRetries: 0 }),
      mode,
    });
  const dog = { schema: z.object({ name: z.string() }), name: "Dog" };

  describe("instructor", () => {
    // It reports every error there too.
    beforeAll(() => void vi.spyOn(console, "error").mockImplementation(() => undefined));
    afterAll(() => void vi.restoreAllMocks());

    test("texts, whole and streamed", async () => {
      const client = instructor("MD_JSON");
      const whole = await client.chat.completions.create(plain);
      expect(whole.choices[0]?.message.content).not.toBe("");
      let streamed = "";
      for await (const { choices } of await client.chat.completions.create({ ...plain, stream: true }))
        streamed += choices[0]?.delta.content ?? "";
      expect(streamed).toBe(whole.choices[0]?.message.content);
    });

    test.each([
      ["JSON", /response_format: not supported/],
      ["TOOLS", /tools: not supported/],
    ] as const)("a response model in the mode %s is refused by name", async (mode, message) => {
      const asked = instructor(mode).chat.completions.create({ ...plain, response_model: dog });
      await expect(asked).rejects.toMatchObject({ status: 400, message: expect.stringMatching(message) as unknown });
    });

    test("a response model as plain text is taken; this model writes no JSON", async () => {
      const asked = instructor("MD_JSON").chat.completions.create({ ...plain, response_model: dog });
      await expect(asked).rejects.toBeInstanceOf(SyntaxError);
    });
  });
}
