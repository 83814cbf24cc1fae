import { describe, expect, it } from "vitest";
import { addressOf, embeddedName, loadsByItself } from "./embedded.js";

describe("a model's address", () => {
  it("is beside the page for embedded models", () => {
    expect(addressOf("stories", "https://example.org/play/?seed=2")).toBe("https://example.org/play/models/stories/");
  });

  it("tells which embedded model it is", () => {
    const page = "https://example.org/play/?seed=2";
    expect(embeddedName("https://example.org/play/models/stories-t4/", page)).toBe("stories-t4");
    expect(embeddedName("https://example.org/models/stories-t4/", page)).toBeUndefined();
  });

  it("is a model of the hub, which no link loads by itself", () => {
    expect(addressOf("hf:owner/name@v1", "https://example.org/")).toBe("hf:owner/name@v1");
    for (const bad of ["hf:", "hf:../x", "hf:owner/name/more", "owner/name"]) {
      expect(addressOf(bad, "https://example.org/")).toBeUndefined();
    }
    expect(loadsByItself("hf:owner/name")).toBe(false);
  });

  it("is the folder of an address, and nothing else runs", () => {
    expect(addressOf("https://models.example/tiny", "https://example.org/")).toBe("https://models.example/tiny/");
    for (const bad of ["javascript:alert(1)", "data:text/plain,x", "somewhere", ""]) {
      expect(addressOf(bad, "https://example.org/")).toBeUndefined();
    }
    expect([loadsByItself("stories-t4"), loadsByItself("https://models.example/")]).toEqual([true, false]);
  });
});
