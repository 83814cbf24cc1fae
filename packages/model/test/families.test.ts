/** Every family: tiny checkpoints that __fixtures__/families.py made, with what transformers computes from them. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { families } from "../src/architectures/families.js";
import { familyTests } from "./family-fixture.js";

const folder = join(import.meta.dirname, "__fixtures__/families");
const names = readdirSync(folder);

it("has a fixture of each family", () => {
  const types = families.map(({ modelType }) => modelType.replace(/_text$/, ""));
  expect(types.filter((type) => !names.includes(type))).toEqual([]);
});

describe.each(names)("%s", (name) => familyTests(join(folder, name)));
