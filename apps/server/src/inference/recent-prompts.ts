/** The texts of one request share a prompt: it is read once. */
import type { PreparedPrompt, PromptRequest } from "./prompt.js";

export interface RecentPrompts {
  /** What was made of this very prompt of this key's a moment ago. */
  find(request: PromptRequest, key: string): PreparedPrompt | undefined;
  keep(request: PromptRequest, key: string, prompt: PreparedPrompt): void;
}

interface Kept {
  readonly request: PromptRequest;
  readonly key: string;
  readonly prompt: PreparedPrompt;
}

/** As many as have their texts taken at one time on a busy server. */
const most = 8;

export function recentPrompts(): RecentPrompts {
  const kept: Kept[] = [];
  return {
    // By key, so that nobody learns by time what others asked.
    find: ({ prompt, maxNewTokens }, key) =>
      kept.find(
        (other) => other.request.prompt === prompt && other.request.maxNewTokens === maxNewTokens && other.key === key,
      )?.prompt,
    keep(request, key, prompt) {
      kept.push({ request, key, prompt });
      if (kept.length > most) kept.shift();
    },
  };
}
