import { describe, expect, it } from "vitest";
import { autoregressive, dynamo, speculative, verified } from "./index.js";
import { randomModel, strategyContract } from "./testing.js";

strategyContract("autoregressive", () => autoregressive(), { describe, it, expect });
strategyContract("dynamo", () => dynamo({ backoff: 0.2 }), { describe, it, expect });
strategyContract("verified", () => verified(), { describe, it, expect });
strategyContract("greedy verified", () => verified({ temperature: 0 }), { describe, it, expect });
strategyContract("speculative", () => speculative({ draftModel: randomModel(77) }), { describe, it, expect });
strategyContract("greedy speculative", () => speculative({ draftModel: randomModel(3), temperature: 0, drafts: 2 }), {
  describe,
  it,
  expect,
});
