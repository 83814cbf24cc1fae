/**
 * A visitor's own strategy: an ES module that runs in this page, of the form and with the options that every other place takes.
 * It comes from a file or from an address that the visitor typed.
 */
import { DynamoError, type Strategy } from "@dynamo/core";
import { parsePluginOptions, pluginOf, type PluginOptions, type StrategyPlugin } from "@dynamo/decode/plugin";
import { messageOf } from "../components/message-of.js";

/** A loaded plugin with the visitor's options for it. */
export interface OwnStrategy {
  /** The strategy's; the module's where its options make none. */
  readonly name: string;
  /** Why the options make no strategy. */
  readonly error: string | undefined;
  /** `settings`: those of the page that the visitor changed. Throws what the plugin throws. */
  make(settings: PluginOptions): Strategy;
}

/** `json` is what the visitor wrote, empty for none. The plugin is asked at once, so that faults are seen before the first text. */
export function ownStrategy(plugin: StrategyPlugin, json: string): OwnStrategy {
  const make = (settings: PluginOptions): Strategy => plugin.make(together(settings, optionsIn(json)));
  try {
    return { name: make({}).name, error: undefined, make };
  } catch (error) {
    return { name: plugin.source, error: messageOf(error), make };
  }
}

/** What is wrong with options before there is a module to ask; undefined for none. */
export function optionsFault(json: string): string | undefined {
  try {
    optionsIn(json);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

const optionsIn = (json: string): PluginOptions => (json.trim() === "" ? {} : parsePluginOptions(json));

function together(settings: PluginOptions, options: PluginOptions): PluginOptions {
  const twice = Object.keys(settings).find((name) => Object.hasOwn(options, name));
  if (twice === undefined) return { ...settings, ...options };
  throw new DynamoError(
    "invalid-argument",
    `${twice}: expected it among the settings or in the options, received both`,
  );
}

/** Where a module comes from: nothing of it has been run, and of an address nothing has been asked for. */
export interface ModuleSource {
  /** A file's name, or the address. */
  readonly name: string;
  /** Runs the module's code. Rejects when that fails, or when it is no plugin. */
  load(): Promise<StrategyPlugin>;
}

export const moduleFile = (file: File): ModuleSource => ({
  name: file.name,
  async load() {
    const url = URL.createObjectURL(new Blob([await file.text()], { type: "text/javascript" }));
    try {
      return await imported(url, file.name);
    } finally {
      URL.revokeObjectURL(url);
    }
  },
});

/** `page` is what an address is relative to. Throws `invalid-argument` for one that is no module's on a server. */
export function moduleAddress(address: string, page: string): ModuleSource {
  const url = URL.canParse(address, page) ? new URL(address, page) : undefined;
  if (address.trim() === "" || !/^https?:$/.test(url?.protocol ?? ""))
    throw new DynamoError("invalid-argument", `expected the address of a module (https://…), received "${address}"`);
  const { href } = url as URL;
  return {
    name: href,
    async load() {
      await checkAnswer(href);
      // Browsers keep a module for as long as the page lives: one that was changed meanwhile has another name.
      return imported(`${href.replace(/#.*$/, "")}#${performance.now()}`, href);
    },
  };
}

/** What `import` would not say: why a module cannot be had. What the browser kept of it is asked for again. */
async function checkAnswer(address: string): Promise<void> {
  const fail = (why: string): never => {
    throw new DynamoError("runtime", `${address} ${why}`);
  };
  const response = await fetch(address, { cache: "reload", credentials: "same-origin" }).catch(() =>
    fail(`cannot be loaded: is the server running, and does it let pages from ${location.origin} in (CORS)?`),
  );
  if (!response.ok) fail(`answers with status ${response.status}`);
  const type = response.headers.get("Content-Type") ?? "";
  if (!/javascript|ecmascript/i.test(type))
    fail(`is no module: expected the type text/javascript, received ${type === "" ? "none" : type}`);
}

async function imported(url: string, name: string): Promise<StrategyPlugin> {
  const module: unknown = await import(/* @vite-ignore */ url).catch((cause: unknown) => {
    throw new DynamoError("strategy", `${name} failed while loading: ${messageOf(cause)}`, { cause });
  });
  return pluginOf(module, name);
}
