/**
 * @dynamo/decode/plugin: a strategy of your own in an ES module, the same form and the same errors wherever it is loaded. The
 * importing is the application's: a file in Node (@dynamo/decode/node), a dropped one in a browser.
 */
import { DynamoError, type Strategy } from "@dynamo/core";
import { describeValue, isPlainObject, strategy as strategyCheck } from "@dynamo/core/options";

export { samplingChecks } from "./options.js";

/** What a strategy is made from: sampling options, and whatever else it knows. */
export type PluginOptions = Readonly<Record<string, unknown>>;

/** The default export of a plugin's module. */
export type StrategyModule = ((options: PluginOptions) => Strategy) | Strategy;

/** A strategy that was loaded from a module. */
export interface StrategyPlugin {
  /** Where it came from, for messages. */
  readonly source: string;
  /**
   * A strategy for these options; one that is undefined is not given. Throws `invalid-argument` for options that the plugin
   * refuses so, or that it cannot take; `strategy` when it throws anything else or gives no strategy.
   */
  make(options?: PluginOptions): Strategy;
}

/** A plugin's own options as a user writes them, e.g. `{"least": 0.5}`. Throws `invalid-argument` for text that is no JSON object. */
export function parsePluginOptions(json: string): PluginOptions {
  try {
    const value: unknown = JSON.parse(json);
    if (isPlainObject(value)) return value as PluginOptions;
  } catch {
    // Said below.
  }
  throw new DynamoError("invalid-argument", `expected a JSON object such as {"least": 0.5}, received ${json}`);
}

const form = "`export default (options) => ({ name, step })`";

/** Throws `strategy` for a module without a default export of a plugin's form. */
export function pluginOf(module: unknown, source: string): StrategyPlugin {
  const exports = typeof module === "object" && module !== null ? (module as PluginOptions) : {};
  const { default: exported } = exports;
  if (typeof exported !== "function" && !strategyCheck.accepts(exported))
    throw new DynamoError("strategy", `${source}: expected ${form}, received ${receivedText(exports)}`);
  return {
    source,
    make(options = {}) {
      if (!isPlainObject(options))
        throw new DynamoError(
          "invalid-argument",
          `${source}: expected options by name, received ${describeValue(options)}`,
        );
      const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
      return typeof exported === "function" ? made(exported, given, source) : withoutOptions(exported, given, source);
    },
  };
}

function receivedText(exports: PluginOptions): string {
  const names = Object.keys(exports);
  if (names.length === 0) return "a module without exports";
  if (!names.includes("default")) return `exports ${names.join(", ")} and no default`;
  return `${describeValue(exports["default"])} as its default export`;
}

function made(make: unknown, options: PluginOptions, source: string): Strategy {
  let strategy: unknown;
  try {
    strategy = (make as (options: PluginOptions) => unknown)(options);
  } catch (cause) {
    if (DynamoError.is(cause)) throw new DynamoError(cause.code, `${source}: ${cause.message}`, { cause });
    const reason = cause instanceof Error ? cause.message : describeValue(cause);
    throw new DynamoError("strategy", `${source} failed while making its strategy: ${reason}`, { cause });
  }
  if (strategyCheck.accepts(strategy)) return strategy;
  const received = `its default export made ${describeValue(strategy)}`;
  throw new DynamoError("strategy", `${source}: expected ${strategyCheck.expected}; ${received}`);
}

function withoutOptions(strategy: Strategy, options: PluginOptions, source: string): Strategy {
  const names = Object.keys(options);
  if (names.length === 0) return strategy;
  throw new DynamoError(
    "invalid-argument",
    `${source} exports a strategy without options: expected none, received ${names.join(", ")}; a module with options has ${form}`,
  );
}
