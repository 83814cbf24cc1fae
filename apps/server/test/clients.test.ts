/** Clients that people use, against one real server on loopback: whole and streamed texts, history, errors, cancellation. */
import { afterAll, beforeAll } from "vitest";
import { chatFolder } from "./chat-folder.js";
import { aiSdkSuite } from "./clients/ai-sdk.js";
import { instructorSuite } from "./clients/instructor.js";
import { langChainSuite } from "./clients/langchain.js";
import { llamaIndexSuite } from "./clients/llama-index.js";
import { lmEvalSuite } from "./clients/lm-eval.js";
import { openaiSuite } from "./clients/openai.js";
import type { Place } from "./clients/place.js";
import { startServer } from "./start-server.js";

let place: Place;
let remove: () => Promise<void>;
beforeAll(async () => {
  const chat = await chatFolder();
  ({ remove } = chat);
  const server = await startServer({ options: { models: { chat: { folder: chat.folder } } } });
  place = { server, baseURL: `${server.address}/v1` };
});
afterAll(async () => {
  await place.server.stop();
  await remove();
});

for (const suite of [openaiSuite, aiSdkSuite, langChainSuite, llamaIndexSuite, instructorSuite, lmEvalSuite])
  suite(() => place);
