/** The page: header, settings beside, one tab a view. */
import type { Strategy } from "@dynamo/core";
import {
  ActionIcon,
  AppShell,
  Button,
  Group,
  Loader,
  ScrollArea,
  Tabs,
  Title,
  useComputedColorScheme,
  useMantineColorScheme,
} from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { lazy, Suspense, useState } from "react";
import { addressOf, folderModel, loadsByItself } from "./model/embedded.js";
import { ModelPicker } from "./model/model-picker.js";
import { useModel, type ModelSource } from "./model/use-model.js";
import { usePasses } from "./passes/use-passes.js";
import { RaceView } from "./race/race-view.js";
import { SettingsPanel } from "./settings/settings-panel.js";
import { views } from "./settings/settings.js";
import { useSettings } from "./settings/use-settings.js";
import { useWrite } from "./write/use-write.js";
import { WriteView } from "./write/write-view.js";

// What draws with Observable Plot comes only when it is looked at.
const InsideView = lazy(async () => ({ default: (await import("./inside/inside-view.js")).InsideView }));
const MeasureView = lazy(async () => ({ default: (await import("./measure/measure-view.js")).MeasureView }));

const viewLabels = { write: "Write", race: "Race", inside: "Look inside", measure: "Measure" } as const;

export function App(): React.JSX.Element {
  const [settings, change] = useSettings();
  const [plugin, setPlugin] = useState<Strategy>();
  const [folder, setFolder] = useState<readonly File[]>();
  const [asked, setAsked] = useState<string>();
  const source = sourceOf(settings.model, folder, asked);
  const state = useModel(source, settings.device);
  const model = state.status === "ready" ? state.model : undefined;
  const writing = usePasses();
  const write = useWrite({ model, settings, change, plugin, writing });
  const [opened, { toggle }] = useDisclosure(false);
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 300, breakpoint: "sm", collapsed: { mobile: !opened } }}
      padding="md"
    >
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Title order={1} size="h4">
            DynaMo playground
          </Title>
          <Group gap="xs" wrap="nowrap">
            <Button hiddenFrom="sm" variant="default" size="xs" onClick={toggle} aria-expanded={opened}>
              Settings
            </Button>
            <SchemeToggle />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar aria-label="Settings">
        <ScrollArea h="100%" p="md" viewportProps={{ tabIndex: 0 }}>
          <SettingsPanel settings={settings} change={change} plugin={plugin} onPlugin={setPlugin}>
            <ModelPicker settings={settings} change={change} state={state} onLoad={setAsked} onFolder={setFolder} />
          </SettingsPanel>
        </ScrollArea>
      </AppShell.Navbar>
      <AppShell.Main>
        <Tabs
          value={settings.view}
          onChange={(value) => change({ view: views.find((view) => view === value) ?? "write" })}
        >
          <Tabs.List mb="md">
            {views.map((view) => (
              <Tabs.Tab key={view} value={view}>
                {viewLabels[view]}
              </Tabs.Tab>
            ))}
          </Tabs.List>
          <Tabs.Panel value="write">
            <WriteView model={model} settings={settings} change={change} writing={writing} onWrite={write} />
          </Tabs.Panel>
          <Tabs.Panel value="race">
            <RaceView model={model} settings={settings} plugin={plugin} />
          </Tabs.Panel>
          <Tabs.Panel value="inside">
            {settings.view === "inside" ? (
              <Suspense fallback={<Loader />}>
                <InsideView model={model} settings={settings} change={change} writing={writing} onWrite={write} />
              </Suspense>
            ) : null}
          </Tabs.Panel>
          <Tabs.Panel value="measure">
            <Suspense fallback={<Loader />}>
              {settings.view === "measure" ? <MeasureView model={model} settings={settings} /> : null}
            </Suspense>
          </Tabs.Panel>
        </Tabs>
      </AppShell.Main>
    </AppShell>
  );
}

/** undefined while nothing is to be loaded: an address in a link waits for the visitor's word. */
function sourceOf(
  model: string,
  folder: readonly File[] | undefined,
  asked: string | undefined,
): ModelSource | undefined {
  if (model === folderModel) return folder;
  return loadsByItself(model) || model === asked ? addressOf(model, location.href) : undefined;
}

function SchemeToggle(): React.JSX.Element {
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme("light") === "dark";
  return (
    <ActionIcon
      variant="default"
      size="lg"
      aria-label={dark ? "Light colours" : "Dark colours"}
      onClick={() => setColorScheme(dark ? "light" : "dark")}
    >
      {dark ? "☀" : "☾"}
    </ActionIcon>
  );
}
