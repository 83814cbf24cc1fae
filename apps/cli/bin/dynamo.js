#!/usr/bin/env node
import { existsSync } from "node:fs";

const built = new URL("../dist/index.js", import.meta.url);
if (existsSync(built)) {
  await import(built.href);
} else {
  console.error("dynamo is not built yet: run `npm start` or `pnpm build` in the repository's root");
  process.exitCode = 1;
}
