/** The model of the settings, loaded onto a runtime of its own, and unloaded when another takes its place. */
import type { LoadedModel } from "@dynamo/model";
import { useEffect, useState } from "react";
import { messageOf } from "../components/message-of.js";
import type { Settings } from "../settings/settings.js";
import type { PassSource } from "../passes/pass-source.js";
import type { FolderFiles, OpenModel, Progress } from "./open-model.js";

export type ModelState =
  | { readonly status: "idle" }
  | { readonly status: "loading"; readonly progress: Progress | undefined; readonly stop: () => void }
  /** By the visitor. */
  | { readonly status: "stopped"; readonly again: () => void }
  | {
      readonly status: "ready";
      readonly model: LoadedModel;
      readonly source: PassSource;
      /** Why the browser did not keep the model's files; undefined when it did. */
      readonly notKept: string | undefined;
    }
  /** `failed`: never loaded. `lost`: it was there, and its worker or its GPU has ended. */
  | { readonly status: "failed" | "lost"; readonly message: string; readonly again: () => void };

/** An address, or the files of a folder that the visitor picked or dropped. Compared by identity. */
export type ModelSource = string | FolderFiles;

export function useModel(
  source: ModelSource | undefined,
  { device, dtype }: Pick<Settings, "device" | "dtype">,
): ModelState {
  const [state, setState] = useState<ModelState>({ status: "idle" });
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (source === undefined) {
      setState({ status: "idle" });
      return;
    }
    const controller = new AbortController();
    const { signal } = controller;
    let open: OpenModel | undefined;
    let notKept: string | undefined;
    const show = (next: ModelState): void => {
      if (!signal.aborted) setState(next);
    };
    const again = (): void => setAttempt((before) => before + 1);
    const stop = (): void => {
      show({ status: "stopped", again });
      controller.abort();
    };
    const load = async (): Promise<void> => {
      show({ status: "loading", progress: undefined, stop });
      try {
        // Tokenizers, templates and the runtime are no part of the first paint.
        const { openModel } = await import("./open-model.js");
        open = await openModel(source, {
          device,
          dtype,
          signal,
          onProgress: (progress) => show({ status: "loading", progress, stop }),
          onNotKept: (reason) => (notKept = reason),
          onLost: (message) => show({ status: "lost", message, again }),
        });
        if (signal.aborted) await open.close();
        else show({ status: "ready", model: open.model, source: open.source, notKept });
      } catch (error) {
        show({ status: "failed", message: messageOf(error), again });
      }
    };
    void load();
    return () => {
      controller.abort();
      void open?.close();
    };
  }, [source, device, dtype, attempt]);
  return state;
}
