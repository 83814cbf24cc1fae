import { preset } from "@dynamo/build/vitest";

/** What runs in Node; vitest.browser.config.ts has what runs in a browser. */
export default preset({ exclude: ["**/node_modules/**", "test/browser/**"] });
