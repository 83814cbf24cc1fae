import { describe, expect, it } from "vitest";
import { serverAddress } from "./address.js";

describe("a server's address", () => {
  it("ends in /v1", () => {
    expect(serverAddress("http://localhost:8000/v1")).toBe("http://localhost:8000/v1");
    expect(serverAddress("https://example.org/api/v1/")).toBe("https://example.org/api/v1");
  });

  it("is no model folder's, holds no secrets, and is no other protocol's", () => {
    for (const other of [
      "https://example.org/models/stories",
      "https://example.org/v1/models",
      "https://example.org/v1?key=secret",
      "https://user:secret@example.org/v1",
      "javascript:alert(1)/v1",
      "stories",
      "/v1",
    ])
      expect(serverAddress(other), other).toBeUndefined();
  });
});
