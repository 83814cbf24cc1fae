/** The settings as React state, kept in the address bar. */
import { useCallback, useEffect, useState } from "react";
import { formatSettings, parseSettings, type Settings } from "./settings.js";

export type ChangeSettings = (change: Partial<Settings>) => void;

/** Browsers refuse more than about a hundred changes of the address in ten seconds; a slider makes more. */
const settleMilliseconds = 200;

export function useSettings(): readonly [Settings, ChangeSettings] {
  const [settings, setSettings] = useState(() => parseSettings(location.search));
  useEffect(() => {
    const timer = setTimeout(() => {
      const query = formatSettings(settings);
      history.replaceState(null, "", query === "" ? location.pathname : `?${query}`);
    }, settleMilliseconds);
    return () => clearTimeout(timer);
  }, [settings]);
  const change = useCallback<ChangeSettings>((each) => setSettings((before) => ({ ...before, ...each })), []);
  return [settings, change];
}
