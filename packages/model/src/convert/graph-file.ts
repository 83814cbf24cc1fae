/** An ONNX graph as a file, with its weights inside or in a second file beside it, streamed. */
import { mkdir, open, type FileHandle } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { throwIfAborted } from "@dynamo/core";
import { writeOnnx, type OnnxModel, type OnnxSink } from "@dynamo/onnx";

export interface GraphFileOptions {
  /** Weights go to `<file>_data`. */
  readonly external: boolean;
  readonly onProgress?: ((written: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Writes a new file, and its folder if need be. Both files are complete on the disk when this resolves. */
export async function writeGraph(
  model: OnnxModel,
  file: string,
  { external, onProgress, signal }: GraphFileOptions,
): Promise<void> {
  throwIfAborted(signal);
  await mkdir(dirname(file), { recursive: true });
  const handles = [await open(file, "wx")];
  try {
    if (external) handles.push(await open(`${file}_data`, "wx"));
    const [graph, data] = handles.map(sinkOf);
    await writeOnnx(model, graph as OnnxSink, {
      ...(data === undefined ? {} : { external: { location: `${basename(file)}_data`, sink: data } }),
      ...(onProgress === undefined ? {} : { onProgress }),
      ...(signal === undefined ? {} : { signal }),
    });
    for (const handle of handles) await handle.sync();
  } finally {
    for (const handle of handles) await handle.close();
  }
}

const sinkOf = (handle: FileHandle): OnnxSink => ({
  async write(bytes) {
    for (let offset = 0; offset < bytes.length;) offset += (await handle.write(bytes, offset)).bytesWritten;
  },
});
