import { folderFiles } from "@dynamo/runtime-web";
import { expect, test } from "vitest";

function file(path: string, text: string): File {
  const made = new File([text], path.slice(path.lastIndexOf("/") + 1));
  Object.defineProperty(made, "webkitRelativePath", { value: path });
  return made;
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

test("a picked folder is seen from the one that holds config.json", async () => {
  const files = folderFiles([file("models/mine/config.json", "{}"), file("models/mine/onnx/model.onnx", "0123456789")]);
  expect(await files.size("config.json")).toBe(2);
  expect(text(await files.read("onnx/model.onnx", 10))).toBe("0123456789");
  expect(text(await files.readRange("onnx/model.onnx", 3, 4))).toBe("3456");
  expect(await files.size("absent")).toBeUndefined();
  await expect(files.read("absent", 10)).rejects.toMatchObject({ code: "not-found" });
  await expect(files.read("onnx/model.onnx", 9)).rejects.toMatchObject({ code: "invalid-file" });
  await expect(files.readRange("onnx/model.onnx", 8, 3)).rejects.toMatchObject({ code: "invalid-file" });
});

test("a folder handle is read alike", async () => {
  const root = await navigator.storage.getDirectory();
  const folder = await (
    await root.getDirectoryHandle("model", { create: true })
  ).getDirectoryHandle("onnx", { create: true });
  const writer = await (await folder.getFileHandle("model.onnx", { create: true })).createWritable();
  await writer.write("abcdef");
  await writer.close();
  const files = folderFiles(await root.getDirectoryHandle("model"));
  expect(text(await files.readRange("onnx/model.onnx", 2, 3))).toBe("cde");
  expect(await files.size("onnx/none.onnx")).toBeUndefined();
  expect(await files.size("onnx")).toBeUndefined();
});

test("dropped files have their paths", async () => {
  const files = folderFiles(
    new Map([
      ["models/mine/config.json", new File(["{}"], "config.json")],
      ["models/mine/onnx/model.onnx", new File(["0123456789"], "model.onnx")],
    ]),
  );
  expect([await files.size("config.json"), await files.size("onnx/model.onnx")]).toEqual([2, 10]);
  expect(files.location).toBe("the folder of 2 files");
});
