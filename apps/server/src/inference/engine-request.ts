/** A request's options as the engine takes them. What nobody set is left out: then the model's recommendation counts. */
import type { EngineRequest } from "@dynamo/engine";
import type { PreparedRequest } from "./messages.js";

export function engineRequest(request: PreparedRequest): Omit<EngineRequest, "prompt"> {
  const { seed, presencePenalty, frequencyPenalty, logitBias, index, joins, key, scope, owner } = request;
  const { beginOfText, stop, stopIds, stopAtEndOfText, minNewTokens, logprobs, promptLogprobs } = request;
  return {
    ...{ seed, presencePenalty, frequencyPenalty, logitBias, index, joins, key, scope, owner },
    ...{ beginOfText, stopAtEndOfText, minNewTokens },
    maxNewTokens: request.maxNewTokens,
    stop: { ids: stopIds, ...(stop.length === 0 ? {} : { strings: stop }) },
    ...(logprobs === undefined ? {} : { logprobs }),
    ...(promptLogprobs === undefined ? {} : { promptLogprobs }),
  };
}
