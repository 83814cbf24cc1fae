/** Where the hub is, who asks it and where its files are kept: options first, then the environment, as huggingface_hub reads it. */
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { DynamoError } from "@dynamo/core";
import { describeValue } from "@dynamo/core/options";

export interface HubSettings {
  readonly endpoint: string;
  readonly token: string | undefined;
  readonly cache: string;
  readonly offline: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

export interface GivenSettings {
  readonly endpoint?: string | undefined;
  readonly token?: string | undefined;
  readonly cache?: string | undefined;
  readonly offline?: boolean | undefined;
}

const publicHub = "https://huggingface.co";

export async function hubSettings(given: GivenSettings, environment: Environment = process.env): Promise<HubSettings> {
  return {
    endpoint: endpointOf(given.endpoint ?? set(environment["HF_ENDPOINT"]) ?? publicHub),
    token: tokenOf(given.token ?? (await tokenFrom(environment))),
    cache: given.cache ?? cacheFolder(environment),
    offline: given.offline ?? /^(1|on|yes|true)$/i.test(environment["HF_HUB_OFFLINE"] ?? ""),
  };
}

/** An empty variable is none. */
const set = (value: string | undefined): string | undefined => (value?.trim() === "" ? undefined : value?.trim());

function endpointOf(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== "" || url.search !== "") {
    throw new DynamoError(
      "invalid-argument",
      `expected the hub's address (HF_ENDPOINT), such as ${publicHub}, received ${describeValue(address)}`,
    );
  }
  return url.href.replace(/\/+$/, "");
}

/** The message does not repeat it: it is a secret. */
function tokenOf(token: string | undefined): string | undefined {
  if (token === undefined || /^[\x21-\x7e]{1,1000}$/.test(token)) return token;
  throw new DynamoError(
    "invalid-argument",
    "expected a token of letters and digits (HF_TOKEN), received other characters",
  );
}

async function tokenFrom(environment: Environment): Promise<string | undefined> {
  const given = set(environment["HF_TOKEN"]);
  if (given !== undefined) return given;
  const file = set(environment["HF_TOKEN_PATH"]) ?? join(huggingFaceHome(environment), "token");
  return set(await readFile(file, "utf8").catch(() => undefined));
}

const huggingFaceHome = (environment: Environment): string =>
  set(environment["HF_HOME"]) ?? join(set(environment["XDG_CACHE_HOME"]) ?? join(homedir(), ".cache"), "huggingface");

/** A folder of our own: whoever puts Hugging Face's files on a larger disk (HF_HOME) wants ours there, too. */
export function cacheFolder(environment: Environment = process.env): string {
  const own = set(environment["DYNAMO_HUB_CACHE"]);
  if (own !== undefined) return own;
  const home = set(environment["HF_HOME"]);
  return home === undefined ? join(userCache(environment), "dynamo", "hub") : join(home, "dynamo");
}

function userCache(environment: Environment): string {
  const ofSystem: Partial<Record<NodeJS.Platform, string>> = {
    darwin: join(homedir(), "Library", "Caches"),
    win32: environment["LOCALAPPDATA"] ?? join(homedir(), "AppData", "Local"),
  };
  return set(environment["XDG_CACHE_HOME"]) ?? ofSystem[process.platform] ?? join(homedir(), ".cache");
}
