import { preset } from "@dynamo/build/vitest";
import { browserProject } from "./test/browser-project.js";
import { findChromium } from "./test/chromium.js";

const chromium = findChromium();
if (chromium === undefined) {
  process.stderr.write("skipped: the browser's tests need Chromium (DYNAMO_CHROMIUM, or Debian's chromium package)\n");
}

const node = {
  extends: true as const,
  test: { name: "@dynamo/runtime-web", exclude: ["**/node_modules/**", "test/browser/**"] },
};

export default preset({
  projects: [node, ...(chromium === undefined ? [] : [browserProject(chromium)])],
});
