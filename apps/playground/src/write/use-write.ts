/** Writing the settings' text: on demand, and once by itself when a link asks for it. */
import { useEffect, useRef } from "react";
import type { PassSource } from "../passes/pass-source.js";
import type { Writing } from "../passes/use-passes.js";
import type { OwnStrategy } from "../settings/plugin.js";
import type { Settings } from "../settings/settings.js";
import type { ChangeSettings } from "../settings/use-settings.js";

export interface WriteParts {
  readonly source: PassSource | undefined;
  readonly settings: Settings;
  readonly change: ChangeSettings;
  readonly plugin: OwnStrategy | undefined;
  readonly writing: Writing;
}

export function useWrite({ source, settings, change, plugin, writing }: WriteParts): () => void {
  const write = (): void => {
    if (source === undefined) return;
    change({ run: true });
    const { prompt, length, seed } = settings;
    writing.write(source, { prompt, length, seed, settings, plugin });
  };
  const wanted = useRef(settings.run);
  useEffect(() => {
    if (!wanted.current || source === undefined) return;
    wanted.current = false;
    write();
  });
  return write;
}
