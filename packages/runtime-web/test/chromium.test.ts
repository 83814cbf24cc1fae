import { expect, test } from "vitest";
import { findChromium } from "./chromium.js";

const nothing = (): boolean => false;

test("without a Chromium tests are skipped on a developer's machine, and fail in CI", () => {
  expect(findChromium({}, nothing)).toBeUndefined();
  expect(() => findChromium({ CI: "true" }, nothing)).toThrow("no Chromium was found");
});

test("the Chromium that DYNAMO_CHROMIUM names goes first", () => {
  const environment = { CI: "true", DYNAMO_CHROMIUM: "/opt/chromium" };
  expect(findChromium(environment, (path) => path === "/opt/chromium" || path.startsWith("/usr"))).toBe(
    "/opt/chromium",
  );
});
