import { readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { modelPath } from "./index.js";
import { modelFiles } from "./web.js";

test("every file of the folder has its address", () => {
  const files = readdirSync(modelPath, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map(({ parentPath, name }) => relative(modelPath, join(parentPath, name)).replaceAll(sep, "/"));
  const addresses = Object.fromEntries(Object.entries(modelFiles).map(([path, url]) => [path, fileURLToPath(url)]));
  expect(addresses).toEqual(Object.fromEntries(paths.map((path) => [path, join(modelPath, path)])));
});
