import type { ModelFiles } from "@dynamo/core";
import type { LoadedTokenizer } from "@dynamo/tokenizer";
import { describe, expect, it } from "vitest";
import type { ModelConfig } from "../architectures/config.js";
import { readTokenizer } from "./read-tokenizer.js";

const tokenizer = JSON.stringify({ model: { type: "BPE", vocab: { a: 0, b: 1 }, merges: [] } });

function folder(texts: Readonly<Record<string, string>>): ModelFiles {
  const bytes = (path: string): Uint8Array => new TextEncoder().encode(texts[path] ?? "");
  return {
    location: "folder",
    size: (path) => Promise.resolve(texts[path] === undefined ? undefined : bytes(path).length),
    read: (path) => Promise.resolve(bytes(path)),
    readRange: (path, start, length) => Promise.resolve(bytes(path).subarray(start, start + length)),
  };
}

const readChat = async (files: ModelFiles, config: ModelConfig): Promise<LoadedTokenizer | undefined> =>
  (await readTokenizer(files, config))?.tokenizer;

describe("chat templates of a folder", () => {
  const config = { vocabularySize: 2 } as ModelConfig;

  it("are chat_template.jinja, and those in additional_chat_templates", async () => {
    const read = await readChat(
      folder({
        "tokenizer.json": tokenizer,
        "tokenizer_config.json": JSON.stringify({ chat_template: "config" }),
        "chat_template.jinja": "plain",
        "additional_chat_templates/tool_use.jinja": "tools",
        "additional_chat_templates/rag.jinja": "{{ documents[0].text }}",
      }),
      config,
    );
    expect(read?.chatTemplates).toEqual(["default", "tool_use", "rag"]);
    expect(read?.applyChatTemplate([])).toBe("plain");
    expect(read?.applyChatTemplate([], { tools: [{}] })).toBe("tools");
    expect(read?.applyChatTemplate([], { template: "rag", documents: [{ text: "News" }] })).toBe("News");
  });

  it("are the configuration's without files", async () => {
    const files = { "tokenizer.json": tokenizer, "tokenizer_config.json": JSON.stringify({ chat_template: "config" }) };
    expect((await readChat(folder(files), config))?.applyChatTemplate([])).toBe("config");
    expect((await readChat(folder({ "tokenizer.json": tokenizer }), config))?.chatTemplates).toEqual([]);
  });
});
