/** The model of the settings, loaded onto a runtime of its own, and unloaded when another takes its place. */
import type { LoadedModel } from "@dynamo/model";
import { useEffect, useState } from "react";
import { messageOf } from "../components/message-of.js";
import type { Settings } from "../settings/settings.js";
import { openModel, type FolderFiles, type OpenModel, type Progress } from "./open-model.js";

export type ModelState =
  | { readonly status: "idle" }
  | { readonly status: "loading"; readonly progress: Progress | undefined }
  | { readonly status: "ready"; readonly model: LoadedModel }
  | { readonly status: "failed"; readonly message: string };

/** An address, or the files of a folder that the visitor picked or dropped. Compared by identity. */
export type ModelSource = string | FolderFiles;

export function useModel(
  source: ModelSource | undefined,
  { device, dtype }: Pick<Settings, "device" | "dtype">,
): ModelState {
  const [state, setState] = useState<ModelState>({ status: "idle" });
  useEffect(() => {
    if (source === undefined) {
      setState({ status: "idle" });
      return;
    }
    const controller = new AbortController();
    const { signal } = controller;
    let open: OpenModel | undefined;
    const show = (next: ModelState): void => {
      if (!signal.aborted) setState(next);
    };
    const load = async (): Promise<void> => {
      show({ status: "loading", progress: undefined });
      try {
        open = await openModel(source, {
          device,
          dtype,
          signal,
          onProgress: (progress) => show({ status: "loading", progress }),
        });
        if (signal.aborted) await open.close();
        else show({ status: "ready", model: open.model });
      } catch (error) {
        show({ status: "failed", message: messageOf(error) });
      }
    };
    void load();
    return () => {
      controller.abort();
      void open?.close();
    };
  }, [source, device, dtype]);
  return state;
}
