#!/usr/bin/env node
// Serves the built site on this machine, cross-origin isolated, and opens it. `--port N` (4173), `--host` for others in
// the network, `--no-open`.
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { preview } from "vite";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "4173" },
    host: { type: "boolean", default: false },
    open: { type: "boolean", default: process.stdout.isTTY === true && process.env.CI === undefined },
  },
  allowNegative: true,
});
const server = await preview({
  root: fileURLToPath(new URL("..", import.meta.url)),
  preview: { port: Number(values.port), host: values.host, open: values.open },
});
server.printUrls();
