import { describe, expect, it } from "vitest";
import { isHubAddress, looksLikeHubId, parseHubId, parseWholeModel } from "./hub-id.js";

describe("parseHubId", () => {
  it("reads owner, name and revision", () => {
    expect(parseHubId("hf:HuggingFaceTB/SmolLM2-135M-Instruct")).toEqual({
      id: "HuggingFaceTB/SmolLM2-135M-Instruct",
      revision: "main",
    });
    expect(parseHubId("owner/name.v1_x@refs/pr/1")).toEqual({ id: "owner/name.v1_x", revision: "refs/pr/1" });
    expect(parseHubId("hf:gpt2@v1.0+b")).toEqual({ id: "gpt2", revision: "v1.0+b" });
  });

  it.each([
    "hf:",
    "hf:../../etc/passwd",
    "hf:owner/..",
    "hf:owner/name/more",
    "hf:owner//name",
    "hf:/owner/name",
    "hf:owner/na--me",
    "hf:owner/na me",
    "hf:owner/name%2e%2e",
    "hf:owner\\name",
    "hf:owner/name.git",
    "hf:-owner/name",
    `hf:owner/${"n".repeat(97)}`,
    "hf:owner/name@",
    "hf:owner/name@../../x",
    "hf:owner/name@a b",
    "hf:owner/name@/main",
    "hf:owner/name\0",
    "hf:https://example.org/x",
  ])("refuses %j", (source) => {
    expect(() => parseHubId(source)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  });
});

it("tells ids from paths", () => {
  expect(isHubAddress("hf:a/b")).toBe(true);
  expect(isHubAddress("./hf:a/b")).toBe(false);
  expect(["owner/name", "owner/name@v1", "a.b/c"].filter(looksLikeHubId)).toHaveLength(3);
  expect(["name", "./owner/name", "/owner/name", "a/b/c", "../a/b", "a/..", "~/a"].filter(looksLikeHubId)).toEqual([]);
});

it("a whole model has no revision: nobody loses the others by naming one", () => {
  expect([parseWholeModel("hf:owner/name"), parseWholeModel("owner/name")]).toEqual(["owner/name", "owner/name"]);
  for (const bad of ["owner/name@v1", "owner/name@main", "../x", ""]) {
    expect(() => parseWholeModel(bad)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  }
});
