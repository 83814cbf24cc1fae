/** The first word with a server: which models it has. */
import { DynamoError } from "@dynamo/core";
import { parseJson, parseModels, type ListedModel } from "@dynamo/protocol";
import type { PassSource } from "../passes/pass-source.js";
import { callServer, readText, type ServerTarget } from "./call.js";
import { serverSource } from "./server-source.js";

export interface Server {
  readonly address: string;
  /** Their names: at least one. */
  readonly models: readonly string[];
  /** The model of this name, or the first. */
  readonly source: (name: string) => PassSource;
}

/** Rejects with `runtime` for a server that cannot be reached, refuses, or has no models. */
export async function connectServer(target: ServerTarget, signal: AbortSignal): Promise<Server> {
  const text = await readText(await callServer(target, "/models", { signal }));
  const models = parseModels(parseJson(text, `${target.address}/models`, "runtime"));
  const [first] = models;
  if (first === undefined) throw new DynamoError("runtime", `${target.address} has no models`);
  const named = (name: string): ListedModel => models.find(({ id }) => id === name) ?? first;
  return {
    address: target.address,
    models: models.map(({ id }) => id),
    source: (name) => serverSource(target, named(name)),
  };
}
