/** Vitest's global set-up of the browser's tests: the file server, where it is, and what the embedded model answers in Node. */
import type { TestProject } from "vitest/node";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { modelPath } from "@dynamo/stories";
import { fileServer, type FileServer } from "./file-server.js";
import { askStories, type StoriesAnswer } from "./stories-case.js";

declare module "vitest" {
  export interface ProvidedContext {
    readonly fileServer: string;
    readonly stories: StoriesAnswer;
  }
}

let server: FileServer | undefined;

export async function setup(project: TestProject): Promise<void> {
  server = await fileServer(modelPath);
  project.provide("fileServer", server.url);
  const runtime = createNodeRuntime({ device: "cpu", threads: 1 });
  project.provide("stories", await askStories(runtime, modelPath));
  await runtime.dispose();
}

export async function teardown(): Promise<void> {
  await server?.close();
}
