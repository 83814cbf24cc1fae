/** What a server is made of. */
import type { InferenceSettings } from "./inference/messages.js";
import type { ApiKeys } from "./keys.js";

/** A model under the name that requests use. */
export interface ServerModel {
  readonly name: string;
  readonly settings: InferenceSettings;
}

/** Options of `createServer`. */
export interface ServerOptions {
  readonly models: readonly [ServerModel, ...ServerModel[]];
  /** Undefined: everybody may. */
  readonly keys?: ApiKeys | undefined;
  /** Proxies that are believed about the address of their client, as `trustedProxies` reads them; default none. */
  readonly trustProxy?: string | undefined;
  /** Requests per minute of one key, or of one address without keys; default: any number. */
  readonly perMinute?: number | undefined;
  /** Requests of one key at once; default 64. */
  readonly atOnce?: number | undefined;
  /** Seconds that a request may take, its wait included; default 600. */
  readonly requestSeconds?: number | undefined;
  /** Seconds without a sign of life after which an inference process is killed and started again; default 10. */
  readonly hangSeconds?: number | undefined;
  /** Seconds in which a request has to arrive, its body included; default 30. */
  readonly receiveSeconds?: number | undefined;
  /** Bytes of a request's body; default 2 MiB. */
  readonly bodyBytes?: number | undefined;
  /** Origins whose pages may call; default none. */
  readonly origins?: readonly string[] | undefined;
  /** A Redis in which all replicas count together; undefined: this process counts by itself. */
  readonly redisUrl?: string | undefined;
  /** Log prompts; default false. */
  readonly logPrompts?: boolean | undefined;
  /** Files and batches; undefined: none, and their routes say so. */
  readonly data?: DataOptions | undefined;
  /** A folder with the playground's site, to be served at /. */
  readonly site?: string | undefined;
  /** Address of an OpenTelemetry collector that takes OTLP over HTTP, without /v1/traces; undefined: no traces. */
  readonly otlp?: string | undefined;
  readonly logLevel?: "fatal" | "error" | "warn" | "info" | "debug" | "silent" | undefined;
}

/** Where files, batches and their database are. */
export interface DataOptions {
  /** Files are in it, and the embedded database when there is no other one. */
  readonly folder: string;
  /** PostgreSQL, which any number of servers with the same folder share. */
  readonly databaseUrl?: string | undefined;
  /** Lines of batches that this process computes at once; default: half a model's slots. 0 leaves them to others. */
  readonly linesAtOnce?: number | undefined;
  /** Bytes of one file; default 200 MB. */
  readonly fileBytes?: number | undefined;
}

/** Options of `serve`: those of a server, and where it listens. */
export interface ServeOptions extends Omit<ServerOptions, "keys" | "site"> {
  /** Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** Default 8080; 0 takes a free one. */
  readonly port?: number | undefined;
  /** A file of hashed API keys; keys of the environment variable DYNAMO_API_KEYS are taken as well. */
  readonly keyFile?: string | undefined;
  /** Listen on an address that others reach although there are no keys. */
  readonly withoutKeys?: boolean | undefined;
  /** Milliseconds that requests get to come to their end; default 10,000. */
  readonly patience?: number | undefined;
  /** Ends the server. */
  readonly signal: AbortSignal;
  /** It answers, and its models are loaded. */
  readonly onReady?: ((address: string) => void) | undefined;
}
