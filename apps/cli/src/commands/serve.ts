/** `dynamo serve` and `dynamo api-key`. */
import { basename, resolve } from "node:path";
import { DynamoError } from "@dynamo/core";
import { createKey, serve as runServer, type ServedPlugin, type ServerModel } from "@dynamo/server";
import { parseHubId } from "@dynamo/hub";
import { isHubModel, localFolder } from "../hub-place.js";
import { servedPlugins } from "../served-plugins.js";
import type { ModelOptions } from "../schemas/common.js";
import type { ServeOptions } from "../schemas/serving.js";

export async function serve(folders: readonly string[], options: ServeOptions, signal: AbortSignal): Promise<void> {
  const embedded = folders.length === 0 ? [`stories=${(await import("@dynamo/stories")).modelPath}`] : [];
  const plugins = servedPlugins(options);
  const models: ServerModel[] = [];
  for (const argument of [...folders, ...embedded]) models.push(await modelOf(argument, options, { plugins, signal }));
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

/** `folder`, a model of the hub (which is fetched now), or `name=` and one of them. */
export async function modelOf(
  argument: string,
  options: ModelOptions & { readonly slots: number; readonly queue: number; readonly dropMessages?: boolean },
  { plugins, signal }: { readonly plugins: readonly ServedPlugin[]; readonly signal: AbortSignal },
): Promise<ServerModel> {
  const { device, dtype, threads, slots, queue, dropMessages } = options;
  const named = /^([\w.-]+)=(.+)$/.exec(argument);
  const place = named?.[2] ?? argument;
  const folder = resolve(await localFolder(place, { as: "model", dtype }, signal));
  return {
    name: named?.[1] ?? basename(isHubModel(place) ? parseHubId(place).id : folder),
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
