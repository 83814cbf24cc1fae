/** `dynamo pull` and `dynamo models`: models of the hub on this machine. */
import { sizeText } from "@dynamo/core";
import { parseHubId } from "@dynamo/hub";
import { keptModel, keptModels, removeKeptModel, type KeptModel, type KeptModelFiles } from "@dynamo/hub/node";
import type { HubFolder } from "@dynamo/model/convert";
import { fetchFromHub } from "../hub-place.js";
import { paint } from "../paint.js";
import type { KeptModelsOptions, PullOptions } from "../schemas/hub.js";

export async function pull(id: string, options: PullOptions, signal: AbortSignal): Promise<void> {
  const { dtype = [undefined], revision, json } = options;
  // Said of a word that is none before anything is asked.
  const name = parseHubId(id);
  const source = `hf:${name.id}@${revision ?? name.revision}`;
  const pulled: HubFolder[] = [];
  for (const each of dtype) pulled.push(await fetchFromHub(source, { as: "model", dtype: each }, signal));
  if (json) {
    const [first] = pulled;
    const folders = pulled.map(({ folder, dtype: found }) => ({ dtype: found, folder }));
    console.log(JSON.stringify({ id: name.id, commit: first?.commit, license: first?.license, folders }));
    return;
  }
  for (const [i, { folder, commit, license, dtype: found }] of pulled.entries()) {
    const about = `(commit ${commit.slice(0, 8)}, licence ${license ?? "not named"})`;
    if (i === 0) console.log(`${name.id} ${paint.dim(about)}`);
    console.log(`  ${found ?? ""}  ${folder}`);
  }
}

/** Of all models, or of one with its files. */
export async function models(id: string | undefined, { json }: KeptModelsOptions): Promise<void> {
  if (id !== undefined) {
    showModel(await keptModel(id), json);
    return;
  }
  const kept = await keptModels();
  if (json) console.log(JSON.stringify({ models: kept }));
  else if (kept.length === 0) console.log("no model of the hub is kept here (dynamo pull owner/name brings one)");
  else for (const model of kept) console.log(describe(model));
}

function showModel({ files, ...model }: KeptModelFiles, json: boolean): void {
  if (json) console.log(JSON.stringify({ ...model, files }));
  else console.log([describe(model), ...files.map(({ path, bytes }) => `  ${path}  ${sizeText(bytes)}`)].join("\n"));
}

export async function removeModels(ids: readonly string[], { json }: KeptModelsOptions): Promise<void> {
  const removed: KeptModel[] = [];
  for (const id of ids) removed.push(await removeKeptModel(id));
  if (json) console.log(JSON.stringify({ removed }));
  else for (const model of removed) console.log(`removed ${model.id} (${sizeText(bytesOf(model))})`);
}

const bytesOf = ({ downloaded, made }: KeptModel): number => made.reduce((sum, { bytes }) => sum + bytes, downloaded);

function describe(model: KeptModel): string {
  const { id, license, revisions, downloaded, made, folder } = model;
  const states = revisions.map(({ revision, commit }) => `${revision} = ${commit.slice(0, 8)}`).join(", ");
  return [
    `${paint.bold(id)}  ${sizeText(bytesOf(model))}${license === undefined ? "" : `, licence ${license}`}${states === "" ? "" : `, ${states}`}`,
    `  downloaded  ${sizeText(downloaded)}`,
    ...made.map(({ name, bytes }) => `  converted   ${sizeText(bytes)}  ${name}`),
    paint.dim(`  ${folder}`),
  ].join("\n");
}
