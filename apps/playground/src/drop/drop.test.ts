import { describe, expect, it } from "vitest";
import { dropOf } from "./drop.js";

const drop = (...paths: string[]): ReturnType<typeof dropOf> =>
  dropOf(new Map(paths.map((path) => [path, new File([""], path.slice(path.lastIndexOf("/") + 1))])));

describe("a drop", () => {
  it("is a model when there is a config.json, even beside scripts", () => {
    expect(drop("mine/config.json", "mine/onnx/model.onnx", "mine/x.js").kind).toBe("model");
    expect(drop("config.json").kind).toBe("model");
  });

  it("is a strategy when it is one file of JavaScript", () => {
    expect(drop("own.mjs")).toMatchObject({ kind: "strategy", file: { name: "own.mjs" } });
    expect(drop("folder/own.js").kind).toBe("strategy");
    expect(drop("a.js", "b.js").kind).toBe("nothing");
  });

  it("says what it expected of anything else", () => {
    expect(drop("notes.txt")).toMatchObject({
      kind: "nothing",
      message: expect.stringContaining("received notes.txt"),
    });
    expect(drop("a.txt", "myconfig.json")).toMatchObject({ message: expect.stringContaining("received 2 files") });
    expect(drop()).toMatchObject({ message: expect.stringContaining("received no file") });
  });
});
