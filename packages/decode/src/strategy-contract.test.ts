import { describe, expect, it } from "vitest";
import { autoregressive, dynamo, verified } from "./index.js";
import { strategyContract } from "./testing.js";

strategyContract("autoregressive", () => autoregressive(), { describe, it, expect });
strategyContract("dynamo", () => dynamo({ backoff: 0.2 }), { describe, it, expect });
strategyContract("verified", () => verified(), { describe, it, expect });
strategyContract("greedy verified", () => verified({ temperature: 0 }), { describe, it, expect });
