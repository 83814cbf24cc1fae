/** `dynamo serve` and `dynamo api-key`. */
import { basename, resolve } from "node:path";
import { DynamoError } from "@dynamo/core";
import { createKey, serve as runServer, type ServedPlugin, type ServerModel } from "@dynamo/server";
import { servedPlugins } from "../served-plugins.js";
import type { ModelOptions } from "../schemas/common.js";
import type { ServeOptions } from "../schemas/serving.js";

export async function serve(folders: readonly string[], options: ServeOptions, signal: AbortSignal): Promise<void> {
  const embedded = folders.length === 0 ? [`stories=${(await import("@dynamo/stories")).modelPath}`] : [];
  const plugins = servedPlugins(options);
  const models = [...folders, ...embedded].map((argument) => modelOf(argument, options, plugins));
  const names = models.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined)
    throw new DynamoError("invalid-argument", `two models are named ${twice}: give names, as in name=folder`);
  await runServer({
    models: models as [ServerModel, ...ServerModel[]],
    host: options.host,
    port: options.port,
    keyFile: options.apiKeys,
    withoutKeys: options.withoutKeys,
    trustProxy: options.trustProxy,
    perMinute: options.rateLimit,
    atOnce: options.atOnce,
    requestSeconds: options.requestTimeout,
    hangSeconds: options.hangSeconds,
    origins: options.origin,
    data: options.data === undefined ? undefined : { folder: resolve(options.data), linesAtOnce: options.batchLines },
    otlp: options.otlp,
    logPrompts: options.logPrompts,
    logLevel: options.logLevel,
    signal,
    onReady: (address) => {
      console.error(`${names.join(", ")} at ${address}/v1 (the playground: ${address}/); Ctrl-C ends it`);
    },
  });
}

/** `folder`, or `name=folder`. */
export function modelOf(
  argument: string,
  options: ModelOptions & { readonly slots: number; readonly queue: number; readonly dropMessages?: boolean },
  plugins: readonly ServedPlugin[],
): ServerModel {
  const { device, dtype, threads, slots, queue, dropMessages } = options;
  const named = /^([\w.-]+)=(.+)$/.exec(argument);
  const folder = resolve(named?.[2] ?? argument);
  return {
    name: named?.[1] ?? basename(folder),
    settings: {
      folder,
      device: device ?? "auto",
      ...{ dtype, threads, slots, queue, dropMessages, plugins },
    },
  };
}

/** The key goes to standard output once; only its hash is kept. */
export function makeApiKey(name: string): void {
  const { key, line } = createKey(name);
  console.error(`Give this to ${name}; it is not kept anywhere:`);
  console.log(key);
  console.error(`And this line to the file of --api-keys:\n${line}`);
}
