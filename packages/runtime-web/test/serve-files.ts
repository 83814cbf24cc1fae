/** Vitest's global set-up of the browser's tests: the file server, and where it is. */
import type { TestProject } from "vitest/node";
import { fileServer, type FileServer } from "./file-server.js";

declare module "vitest" {
  export interface ProvidedContext {
    readonly fileServer: string;
  }
}

let server: FileServer | undefined;

export async function setup(project: TestProject): Promise<void> {
  server = await fileServer();
  project.provide("fileServer", server.url);
}

export async function teardown(): Promise<void> {
  await server?.close();
}
