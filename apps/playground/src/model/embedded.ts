/** The models that the site brings along, in public/models, and the addresses of others. */
import { isHubAddress, parseHubId } from "@dynamo/hub";

export interface EmbeddedModel {
  readonly name: string;
  readonly label: string;
}

export const embeddedModels: readonly EmbeddedModel[] = [
  { name: "stories", label: "Stories, three token heads" },
  { name: "stories-t4", label: "Stories, four token heads" },
  { name: "stories-base", label: "Stories, base model (one head)" },
];

/** Settings.model when the visitor picked a folder: no link can bring that back. */
export const folderModel = "folder";

/** Where a model's files lie; a model of the hub as it is; undefined for a name that is none of these. */
export function addressOf(model: string, page: string): string | undefined {
  if (isHubAddress(model)) return isHubModel(model) ? model : undefined;
  if (embeddedModels.some(({ name }) => name === model)) return new URL(`models/${model}/`, page).href;
  if (!URL.canParse(model)) return undefined;
  const url = new URL(model.endsWith("/") ? model : `${model}/`);
  return url.protocol === "https:" || url.protocol === "http:" ? url.href : undefined;
}

function isHubModel(model: string): boolean {
  try {
    parseHubId(model);
    return true;
  } catch {
    return false;
  }
}

/** The embedded model at this address. */
export const embeddedName = (address: string, page: string): string | undefined =>
  embeddedModels.find(({ name }) => addressOf(name, page) === address)?.name;

/** Embedded models load by themselves; an address in a link only when the visitor says so. */
export const loadsByItself = (model: string): boolean => embeddedModels.some(({ name }) => name === model);
