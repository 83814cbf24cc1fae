/** One tab a view. */
import type { LoadedModel } from "@dynamo/model";
import { Loader, Tabs } from "@mantine/core";
import { lazy, Suspense } from "react";
import { ChatView } from "./chat/chat-view.js";
import type { Chat } from "./chat/use-chat.js";
import type { PassSource } from "./passes/pass-source.js";
import type { Writing } from "./passes/use-passes.js";
import { RaceView } from "./race/race-view.js";
import { LocalOnly } from "./server/local-only.js";
import type { OwnStrategy } from "./settings/plugin.js";
import { views, type Settings } from "./settings/settings.js";
import type { ChangeSettings } from "./settings/use-settings.js";
import { WriteView } from "./write/write-view.js";

// What draws with Observable Plot comes only when it is looked at.
const InsideView = lazy(async () => ({ default: (await import("./inside/inside-view.js")).InsideView }));
const MeasureView = lazy(async () => ({ default: (await import("./measure/measure-view.js")).MeasureView }));

const viewLabels = { write: "Write", chat: "Chat", race: "Race", inside: "Look inside", measure: "Measure" } as const;

export interface ViewsProps {
  readonly source: PassSource | undefined;
  /** The source, when it runs in this page. */
  readonly model: LoadedModel | undefined;
  readonly settings: Settings;
  readonly change: ChangeSettings;
  readonly plugin: OwnStrategy | undefined;
  readonly writing: Writing;
  readonly onWrite: () => void;
  readonly chat: Chat;
}

export function Views(props: ViewsProps): React.JSX.Element {
  const { source, model, settings, change, plugin, writing, onWrite, chat } = props;
  const { length, seed } = settings;
  // Few models are chat models: the others have no such tab.
  const shown = views.filter((view) => view !== "chat" || settings.view === "chat" || source?.answer !== undefined);
  // Another model's passes have other tokens and another mask.
  const own = writing.source === source ? writing : { ...writing, passes: [] };
  return (
    <Tabs value={settings.view} onChange={(value) => change({ view: views.find((view) => view === value) ?? "write" })}>
      <Tabs.List mb="md">
        {shown.map((view) => (
          <Tabs.Tab key={view} value={view}>
            {viewLabels[view]}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      <Tabs.Panel value="write">
        <WriteView source={source} settings={settings} change={change} writing={writing} onWrite={onWrite} />
      </Tabs.Panel>
      <Tabs.Panel value="chat">
        <ChatView source={source} options={{ settings, plugin, length, seed }} chat={chat} />
      </Tabs.Panel>
      <Tabs.Panel value="race">
        <RaceView source={source} settings={settings} plugin={plugin} />
      </Tabs.Panel>
      <Tabs.Panel value="inside">
        {source?.remote === true ? (
          <LocalOnly title="Not from a server">
            A server sends its heads’ likeliest tokens, not the whole joint distribution and the mask that this view
            works on.
          </LocalOnly>
        ) : settings.view === "inside" ? (
          <Suspense fallback={<Loader />}>
            <InsideView model={model} settings={settings} change={change} writing={own} onWrite={onWrite} />
          </Suspense>
        ) : null}
      </Tabs.Panel>
      <Tabs.Panel value="measure">
        {source?.remote === true ? (
          <LocalOnly title="Not from a server">
            A server’s speed depends on who else uses it and on the way there: a curve of it would say nothing about
            ε_b.
          </LocalOnly>
        ) : settings.view === "measure" ? (
          <Suspense fallback={<Loader />}>
            <MeasureView model={model} settings={settings} />
          </Suspense>
        ) : null}
      </Tabs.Panel>
    </Tabs>
  );
}
