/** One tab a view. */
import type { Strategy } from "@dynamo/core";
import type { LoadedModel } from "@dynamo/model";
import { Loader, Tabs } from "@mantine/core";
import { lazy, Suspense } from "react";
import type { Writing } from "./passes/use-passes.js";
import { RaceView } from "./race/race-view.js";
import { views, type Settings } from "./settings/settings.js";
import type { ChangeSettings } from "./settings/use-settings.js";
import { WriteView } from "./write/write-view.js";

// What draws with Observable Plot comes only when it is looked at.
const InsideView = lazy(async () => ({ default: (await import("./inside/inside-view.js")).InsideView }));
const MeasureView = lazy(async () => ({ default: (await import("./measure/measure-view.js")).MeasureView }));

const viewLabels = { write: "Write", race: "Race", inside: "Look inside", measure: "Measure" } as const;

export interface ViewsProps {
  readonly model: LoadedModel | undefined;
  readonly settings: Settings;
  readonly change: ChangeSettings;
  readonly plugin: Strategy | undefined;
  readonly writing: Writing;
  readonly onWrite: () => void;
}

export function Views({ model, settings, change, plugin, writing, onWrite }: ViewsProps): React.JSX.Element {
  return (
    <Tabs value={settings.view} onChange={(value) => change({ view: views.find((view) => view === value) ?? "write" })}>
      <Tabs.List mb="md">
        {views.map((view) => (
          <Tabs.Tab key={view} value={view}>
            {viewLabels[view]}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      <Tabs.Panel value="write">
        <WriteView model={model} settings={settings} change={change} writing={writing} onWrite={onWrite} />
      </Tabs.Panel>
      <Tabs.Panel value="race">
        <RaceView model={model} settings={settings} plugin={plugin} />
      </Tabs.Panel>
      <Tabs.Panel value="inside">
        {settings.view === "inside" ? (
          <Suspense fallback={<Loader />}>
            <InsideView model={model} settings={settings} change={change} writing={writing} onWrite={onWrite} />
          </Suspense>
        ) : null}
      </Tabs.Panel>
      <Tabs.Panel value="measure">
        <Suspense fallback={<Loader />}>
          {settings.view === "measure" ? <MeasureView model={model} settings={settings} /> : null}
        </Suspense>
      </Tabs.Panel>
    </Tabs>
  );
}
