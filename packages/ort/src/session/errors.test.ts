import { DynamoError } from "@dynamo/core";
import { describe, expect, it } from "vitest";
import { passError, loadError, memoryError } from "./errors.js";

const thrownBy = (error: unknown): unknown => {
  try {
    return passError(error);
  } catch (thrown) {
    return thrown;
  }
};

describe("a graph whose weights lie in a file of their own", () => {
  it.each([
    'External data path validation failed for initializer: w. External data path does not exist: "model.onnx_data"',
    "External initializer: w offset: 319488 size to read: 46080 given file_length: 190176 are out of bounds or can not be read in full.",
  ])("is damaged, not the runtime: %s", (message) => {
    expect(loadError(new Error(message), "x")).toMatchObject({ code: "invalid-file" });
  });
});

describe("memory that runs out", () => {
  it.each([
    "Non-zero status code returned while running Gemm node. bfc_arena.cc Failed to allocate memory for requested buffer of size 12884901888",
    "std::bad_alloc",
    "pthread_create failed, error code: 12 error msg: Cannot allocate memory",
    "CUDA failure 2: out of memory",
    "Array buffer allocation failed",
    "Data cannot be cloned, out of memory.",
  ])("is told from other failures: %s", (message) => {
    for (const error of [
      memoryError(new Error(message)),
      thrownBy(new Error(message)),
      loadError(new Error(message), "x"),
    ])
      expect(error).toMatchObject({ code: "out-of-memory", message: expect.stringMatching(/^out of memory/) });
  });

  it("is told with its size where ONNX Runtime says it", () => {
    const error = memoryError(new Error("Failed to allocate memory for requested buffer of size 12884901888"));
    expect(error?.message).toContain("of 12.88 GB");
  });

  it("is not seen where it is not", () => {
    expect(memoryError(new Error("Gemm: dimensions do not match"))).toBeUndefined();
    expect(thrownBy(new Error("Gemm"))).toMatchObject({ code: "runtime" });
    const known = new DynamoError("invalid-argument", "known");
    expect(thrownBy(known)).toBe(known);
  });
});
