/** Plugins: one form, and what is said of others. Modules lie outside the repository, as a user's do. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DynamoError, type Strategy } from "@dynamo/core";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { importPlugin } from "./node.js";
import { parsePluginOptions, pluginOf } from "./plugin.js";

const folder = mkdtempSync(join(tmpdir(), "dynamo-plugin-"));
afterAll(() => rmSync(folder, { recursive: true }));

const own: Strategy = { name: "own", step: () => ({ tokens: [1] }) };

describe("a plugin's module", () => {
  it("has a default export that makes a strategy from the options that are given", () => {
    const seen: unknown[] = [];
    const { make } = pluginOf({ default: (options: unknown) => (seen.push(options), own) }, "own.js");
    expect(make({ temperature: 0, topK: undefined, mine: [1] })).toBe(own);
    expect(make()).toBe(own);
    expect(seen).toEqual([{ temperature: 0, mine: [1] }, {}]);
  });

  it("may export a strategy that has no options: then none is ignored", () => {
    const { make } = pluginOf({ default: own, helper: 1 }, "own.js");
    expect(make({ temperature: undefined })).toBe(own);
    expect(() => make({ temperature: 0, topK: 5 })).toThrow(
      expect.objectContaining({
        code: "invalid-argument",
        message: expect.stringMatching(
          /own\.js exports a strategy without options: expected none, received temperature, topK/,
        ),
      }),
    );
  });

  it("is refused in any other form, with what was received", () => {
    const refused = (module: unknown, received: string): void => {
      expect(() => pluginOf(module, "own.js")).toThrow(
        expect.objectContaining({
          code: "strategy",
          message: expect.stringMatching(`^own\\.js: expected .export default .*, received .*${received}`),
        }),
      );
    };
    refused({}, "a module without exports");
    refused({ strategy: own, helper: 1 }, "exports strategy, helper and no default");
    refused({ default: { name: "no step" } }, "as its default export");
    refused({ default: "dynamo" }, '"dynamo" as its default export');
    refused(undefined, "a module without exports");
  });

  it("is to blame for what it makes and throws, in the same words everywhere", () => {
    const make = (factory: () => unknown) => () => pluginOf({ default: factory }, "own.js").make();
    expect(make(() => Promise.resolve(own))).toThrow(
      /own\.js: expected a strategy .*; its default export made .*[Pp]romise/,
    );
    expect(make(() => undefined)).toThrow(/its default export made .*undefined/);
    expect(
      make(() => {
        throw new RangeError("no such thing");
      }),
    ).toThrow(
      expect.objectContaining({ code: "strategy", message: "own.js failed while making its strategy: no such thing" }),
    );
    expect(
      make(() => {
        throw new DynamoError("invalid-argument", "least: expected a number from 0 to 1, received 2");
      }),
    ).toThrow(
      expect.objectContaining({
        code: "invalid-argument",
        message: expect.stringMatching(/^own\.js: least: expected/),
      }),
    );
  });

  it("throws only DynamoErrors, whatever is exported, made and asked for", () => {
    const isOwn = (error: unknown): boolean => DynamoError.is(error);
    fc.assert(
      fc.property(fc.anything(), fc.anything(), fc.anything(), (module, result, options) => {
        for (const each of [module, { default: module }, { default: () => result }])
          try {
            pluginOf(each, "own.js").make(options as never);
          } catch (error) {
            expect(isOwn(error)).toBe(true);
          }
      }),
    );
  });
});

describe("a plugin's options as text", () => {
  it("are a JSON object", () => {
    expect(parsePluginOptions('{"least": 0.5, "mine": {"a": [1]}}')).toEqual({ least: 0.5, mine: { a: [1] } });
    for (const text of ["", "[1]", "null", "5", "{least: 1}", '{"a": 1'])
      expect(() => parsePluginOptions(text)).toThrow(
        expect.objectContaining({
          code: "invalid-argument",
          message: `expected a JSON object such as {"least": 0.5}, received ${text}`,
        }),
      );
  });
});

describe("importPlugin", () => {
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  it("loads a module from anywhere, with the modules beside it", async () => {
    write("beside.mjs", "export const name = 'from beside';");
    const file = write(
      "own.mjs",
      "import { name } from './beside.mjs'; export default ({ least = 1 }) => ({ name: `${name} ${least}`, step: () => ({ tokens: [1] }) });",
    );
    const plugin = await importPlugin(file);
    expect([plugin.source, plugin.make({ least: 3 }).name, plugin.make().name]).toEqual([
      file,
      "from beside 3",
      "from beside 1",
    ]);
  });

  it("says what is wrong with a file: missing, another kind, broken", async () => {
    await expect(importPlugin(join(folder, "nowhere.js"))).rejects.toMatchObject({ code: "not-found" });
    await expect(importPlugin(folder)).rejects.toMatchObject({ code: "not-found" });
    await expect(importPlugin(write("own.py", "pass"))).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringMatching(
        /expected an ES module \(\.js, \.mjs\), or with Node 22\.18 .* received .*own\.py$/,
      ),
    });
    await expect(importPlugin(write("broken.mjs", "throw new Error('on purpose')"))).rejects.toMatchObject({
      code: "strategy",
      message: `${join(folder, "broken.mjs")} failed while loading: on purpose`,
    });
    await expect(importPlugin(write("syntax.mjs", "export default ("))).rejects.toMatchObject({ code: "strategy" });
  });

  it("runs TypeScript where Node strips types, and says which Node does", async () => {
    const file = write(
      "typed.mts",
      "type Options = { least?: number };\nexport default (options: Options) => ({ name: `typed ${options.least}`, step: () => ({ tokens: [1] }) });",
    );
    // Vitest takes types away on every Node: only what is said before the import can be seen where Node does not.
    const strips = Boolean((process.features as { typescript?: unknown }).typescript);
    if (strips) expect((await importPlugin(file)).make({ least: 2 }).name).toBe("typed 2");
    else
      await expect(importPlugin(file)).rejects.toMatchObject({
        code: "unsupported",
        message: expect.stringMatching(`Node 22\\.18 or later .*typed\\.mts on Node ${process.versions.node}`),
      });
  });
});
