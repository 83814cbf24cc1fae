import { pluginOf } from "@dynamo/decode/plugin";
import { describe, expect, it } from "vitest";
import { strategyOf } from "../passes/strategy-of.js";
import { moduleAddress, optionsFault, ownStrategy } from "./plugin.js";
import { initialSettings } from "./settings.js";

const step = (): { tokens: number[] } => ({ tokens: [1] });
/** Its name tells what it was made of. */
const telling = pluginOf({ default: (options: object) => ({ name: JSON.stringify(options), step }) }, "own.js");

describe("a visitor's strategy", () => {
  it("gets the visitor's options, and of the settings those that were changed", () => {
    const own = ownStrategy(telling, '{"least": 0.8}');
    expect(own).toMatchObject({ name: '{"least":0.8}', error: undefined });
    const plugin = { ...initialSettings, strategy: "plugin" } as const;
    expect(strategyOf(plugin, own).name).toBe('{"least":0.8}');
    expect(JSON.parse(strategyOf({ ...plugin, temperature: 0, topP: 0.9, penalty: 1, blur: false }, own).name)).toEqual(
      {
        ...{ temperature: 0, topP: 0.9, repetitionPenalty: 1, blur: false, least: 0.8 },
      },
    );
  });

  it("says at once what is wrong with its options, and makes nothing of them", () => {
    for (const json of ["[1]", "least", '{"least":']) {
      const own = ownStrategy(telling, json);
      expect(own).toMatchObject({
        name: "own.js",
        error: `expected a JSON object such as {"least": 0.5}, received ${json}`,
      });
      expect(() => own.make({})).toThrow(own.error);
      expect(optionsFault(json)).toBe(own.error);
    }
    const bare = pluginOf({ default: { name: "bare", step } }, "bare.js");
    expect(optionsFault(" ")).toBeUndefined();
    expect(ownStrategy(bare, " ")).toMatchObject({ name: "bare", error: undefined });
    expect(ownStrategy(bare, '{"least": 1}').error).toMatch(/without options: expected none, received least/);
  });

  it("takes no option twice", () => {
    const own = ownStrategy(telling, '{"temperature": 1}');
    expect(() => own.make({ temperature: 0 })).toThrow(
      "temperature: expected it among the settings or in the options, received both",
    );
  });

  it("has the address that was typed, also one beside the page, and nothing but a server's", () => {
    const page = "https://site.example/app/?seed=2";
    expect(moduleAddress("https://else.example/own.js", page).name).toBe("https://else.example/own.js");
    expect(moduleAddress("plugins/own.js", page).name).toBe("https://site.example/app/plugins/own.js");
    for (const address of [
      "",
      " ",
      "javascript:alert(1)",
      "data:text/javascript,1",
      "blob:https://a/1",
      "file:///own.js",
      "http://",
    ])
      expect(() => moduleAddress(address, page), address).toThrow(/expected the address of a module/);
  });
});
