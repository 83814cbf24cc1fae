import { defineConfig } from "vitest/config";
import { browserProject } from "./test/browser-project.js";
import { findChromium } from "./test/chromium.js";

const chromium = findChromium();
if (chromium === undefined) {
  process.stderr.write("skipped: the browser's tests need Chromium (DYNAMO_CHROMIUM, or Debian's chromium package)\n");
}

const isSoak = process.env["DYNAMO_SOAK"] === "1";

export default chromium === undefined
  ? defineConfig({ test: { name: "@dynamo/runtime-web in chromium", include: [], passWithNoTests: true } })
  : defineConfig(browserProject(chromium, isSoak));
