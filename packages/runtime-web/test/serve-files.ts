/**
 * Vitest's global set-up of the browser's tests: the file server, where it is, what the embedded model answers in Node, and a
 * converted model of every family.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { modelPath } from "@dynamo/stories";
import { convertFamilies, type FamilyCase } from "./family-models.js";
import { fileServer, type FileServer } from "./file-server.js";
import { askStories, type StoriesAnswer } from "./stories-case.js";

declare module "vitest" {
  export interface ProvidedContext {
    readonly fileServer: string;
    readonly stories: StoriesAnswer;
    readonly families: readonly FamilyCase[];
  }
}

let server: FileServer | undefined;
let models: string | undefined;

export async function setup(project: TestProject): Promise<void> {
  models = await mkdtemp(join(tmpdir(), "dynamo-families-"));
  server = await fileServer({ stories: modelPath, families: models });
  project.provide("families", await convertFamilies(models));
  project.provide("fileServer", server.url);
  const runtime = createNodeRuntime({ device: "cpu", threads: 1 });
  project.provide("stories", await askStories(runtime, modelPath));
  await runtime.dispose();
}

export async function teardown(): Promise<void> {
  await server?.close();
  if (models !== undefined) await rm(models, { recursive: true, force: true });
}
