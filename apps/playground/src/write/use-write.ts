/** Writing the settings' text on the loaded model: on demand, and once by itself when a link asks for it. */
import type { LanguageModel, Strategy } from "@dynamo/core";
import { useEffect, useRef } from "react";
import { strategyOf } from "../passes/strategy-of.js";
import type { Writing } from "../passes/use-passes.js";
import type { Settings } from "../settings/settings.js";
import type { ChangeSettings } from "../settings/use-settings.js";

export interface WriteParts {
  readonly model: LanguageModel | undefined;
  readonly settings: Settings;
  readonly change: ChangeSettings;
  readonly plugin: Strategy | undefined;
  readonly writing: Writing;
}

export function useWrite({ model, settings, change, plugin, writing }: WriteParts): () => void {
  const write = (): void => {
    if (model === undefined) return;
    change({ run: true });
    const { prompt, length, seed } = settings;
    writing.write(model, { prompt, length, seed, strategy: strategyOf(settings, plugin) });
  };
  const wanted = useRef(settings.run);
  useEffect(() => {
    if (!wanted.current || model === undefined) return;
    wanted.current = false;
    write();
  });
  return write;
}
