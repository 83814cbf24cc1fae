import { expect, test } from "vitest";
import { fileAddresses, isKeptByBrowsers } from "./file-addresses.js";

const page = "https://example.org/app/index.html";

test("files below a folder, whether its address ends with a slash or not", () => {
  for (const folder of ["models/a", "models/a/"]) {
    const { location, of } = fileAddresses(folder, page);
    expect(location).toBe("https://example.org/app/models/a/");
    expect(of("onnx/model #1.onnx")).toBe("https://example.org/app/models/a/onnx/model%20%231.onnx");
  }
});

test("files of a list have the addresses in it, and no others exist", () => {
  const { of } = fileAddresses(
    { "config.json": "data:application/json,{}", "onnx/model_q8.onnx": "/assets/m-1a2b.onnx" },
    page,
  );
  expect(of("config.json")).toBe("data:application/json,{}");
  expect(of("onnx/model_q8.onnx")).toBe("https://example.org/assets/m-1a2b.onnx");
  expect(of("tokenizer.json")).toBeUndefined();
  expect(of("toString")).toBeUndefined();
});

test("paths that leave the folder and addresses that are none are refused", () => {
  expect(() => fileAddresses("models", page).of("../secret")).toThrow(/secret/);
  expect(() => fileAddresses("models", page).of("\ud800")).toThrow(/a file inside the model.s folder/);
  expect(() => fileAddresses({ "../secret": "a" }, page)).toThrow(/secret/);
  expect(() => fileAddresses({ "config.json": "https://" }, page)).toThrow(
    'config.json: expected an address, received "https://"',
  );
});

test("a browser keeps what came from a server", () => {
  expect(isKeptByBrowsers("https://example.org/a")).toBe(true);
  expect(isKeptByBrowsers("data:application/json,{}")).toBe(false);
  expect(isKeptByBrowsers("blob:https://example.org/1")).toBe(false);
});
