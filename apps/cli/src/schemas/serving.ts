/** Options of the verbs that serve: serve, batch. */
import { number, wholeNumber } from "../options/numbers.js";
import { choice, flag, required, text, texts, unless, withDefault, type OptionsOf } from "../options/spec.js";
import { modelOptions } from "./common.js";

/** Strategies of the operator's own: never a request's choice of code. */
const plugins = {
  strategy: texts("<name=module>", "a strategy's module, which requests may name; may be repeated (it runs as code)"),
  strategyOptions: texts("<name=json>", "options of that strategy, besides a request's own; may be repeated"),
};

export const serveOptions = {
  ...modelOptions,
  ...plugins,
  host: withDefault("127.0.0.1", text("<address>", "where it listens")),
  port: withDefault(8080, wholeNumber("<n>", "0 takes a free one", { least: 0, most: 65_535 })),
  apiKeys: text(
    "<file>",
    "file of keys; only these keys have access (also: DYNAMO_API_KEYS); `dynamo api-key` makes them",
  ),
  withoutKeys: flag("listen on a public address although there are no keys"),
  trustProxy: text(
    "<proxies>",
    "proxies (addresses, networks, or their number) to believe about their client's address",
  ),
  slots: withDefault(8, wholeNumber("<n>", "requests that a model computes at once", { least: 1 })),
  queue: withDefault(256, wholeNumber("<n>", "requests that may wait; more requests get 429", { least: 0 })),
  rateLimit: wholeNumber("<n>", "requests per minute of one key, or of one address; of all servers with REDIS_URL", {
    least: 1,
  }),
  atOnce: wholeNumber("<n>", "requests of one key under way (default 64); of all servers with REDIS_URL", { least: 1 }),
  requestTimeout: number("<seconds>", "for a whole request (default 600)", { above: 0 }),
  hangSeconds: number("<seconds>", "without a sign of life a model's process is started again (default 10)", {
    above: 0,
  }),
  origin: texts("<url>", "a site whose pages may call; may be repeated"),
  data: text("<folder>", "for /v1/files and /v1/batches; with DATABASE_URL many servers share it"),
  batchLines: wholeNumber("<n>", "lines of batches computed at once (default: half of --slots; 0: none here)", {
    least: 0,
  }),
  dropMessages: unless(
    "refuse a conversation that the context has no room for, instead of leaving out its oldest turns",
  ),
  otlp: text("<url>", "send traces to this OpenTelemetry collector (also: OTEL_EXPORTER_OTLP_ENDPOINT)"),
  logPrompts: flag("write prompts to the log"),
  logLevel: withDefault(
    "info",
    choice("<level>", ["fatal", "error", "warn", "info", "debug", "silent"], "on standard output, as JSON lines"),
  ),
};
export type ServeOptions = OptionsOf<typeof serveOptions>;

export const batchOptions = {
  ...modelOptions,
  ...plugins,
  out: required(text("<file>", "the answers; an answer that is in the file is not computed again")),
  slots: withDefault(8, wholeNumber("<n>", "requests computed at once", { least: 1 })),
  requestTimeout: withDefault(600, number("<seconds>", "for one line", { above: 0 })),
};
export type BatchOptions = OptionsOf<typeof batchOptions>;
