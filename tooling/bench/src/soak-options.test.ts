import { expect, test } from "vitest";
import { parseSoakOptions } from "./soak-options.js";

test("is 30 minutes or 50,000 requests, and a short form of it", () => {
  expect(parseSoakOptions([])).toMatchObject({ requests: 50_000, seconds: 1800, clients: 32, json: undefined });
  expect(parseSoakOptions(["--quick"]).seconds).toBeLessThanOrEqual(60);
  const given = parseSoakOptions(["--requests", "7", "--minutes", "2", "--clients", "3", "--json", "x.json"]);
  expect(given).toMatchObject({ requests: 7, seconds: 120, clients: 3, json: "x.json" });
});

test("refuses what is no number, naming it", () => {
  expect(() => parseSoakOptions(["--requests", "many"])).toThrow(
    '--requests: expected a whole number above 0, received "many"',
  );
  expect(() => parseSoakOptions(["--clients", "0"])).toThrow("--clients");
  expect(() => parseSoakOptions(["--forever"])).toThrow("--forever");
});
