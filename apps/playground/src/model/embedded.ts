/** The models that the site brings along, in public/models. */

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

/** Where a model's files lie; undefined for a name that is neither embedded nor an address. */
export function addressOf(model: string, page: string): string | undefined {
  if (embeddedModels.some(({ name }) => name === model)) return new URL(`models/${model}/`, page).href;
  if (!URL.canParse(model)) return undefined;
  const url = new URL(model.endsWith("/") ? model : `${model}/`);
  return url.protocol === "https:" || url.protocol === "http:" ? url.href : undefined;
}

/** The embedded model at this address. */
export const embeddedName = (address: string, page: string): string | undefined =>
  embeddedModels.find(({ name }) => addressOf(name, page) === address)?.name;

/** Embedded models load by themselves; an address in a link only when the visitor says so. */
export const loadsByItself = (model: string): boolean => embeddedModels.some(({ name }) => name === model);
