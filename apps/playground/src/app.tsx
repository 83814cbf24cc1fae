/** The page: header, settings beside, one tab a view. */
import { Alert, AppShell, ScrollArea } from "@mantine/core";
import { useDisclosure, useMediaQuery } from "@mantine/hooks";
import { useMemo, useState } from "react";
import { useChat } from "./chat/use-chat.js";
import type { Drop } from "./drop/drop.js";
import { DropHint } from "./drop/drop-hint.js";
import { useDrop } from "./drop/use-drop.js";
import { addressOf, folderModel, loadsByItself } from "./model/embedded.js";
import type { Asked } from "./model/address-field.js";
import { ModelPicker } from "./model/model-picker.js";
import type { FolderFiles } from "./model/open-model.js";
import { useModel, type ModelSource } from "./model/use-model.js";
import { PageHeader } from "./page-header.js";
import { usePasses } from "./passes/use-passes.js";
import { serverAddress } from "./server/address.js";
import type { ServerTarget } from "./server/call.js";
import { useServer } from "./server/use-server.js";
import { PluginWarning } from "./settings/plugin-picker.js";
import { SettingsPanel } from "./settings/settings-panel.js";
import { usePlugin } from "./settings/use-plugin.js";
import { useSettings } from "./settings/use-settings.js";
import { Views } from "./views.js";
import { useWrite } from "./write/use-write.js";

export function App(): React.JSX.Element {
  const [settings, change] = useSettings();
  const control = usePlugin();
  const { plugin } = control;
  const [folder, setFolder] = useState<FolderFiles>();
  const [asked, setAsked] = useState<Asked>();
  const [refused, setRefused] = useState<string>();
  const local = useModel(sourceOf(settings.model, folder, asked), settings);
  const model = local.status === "ready" ? local.model : undefined;
  const remote = useServer(useTarget(settings.model, asked));
  const server = remote.status === "connected" ? remote.server : undefined;
  const here = local.status === "ready" ? local.source : undefined;
  const source = useMemo(() => server?.source(settings.serverModel) ?? here, [server, settings.serverModel, here]);
  const state = serverAddress(settings.model) === undefined ? local : remote;
  const writing = usePasses();
  const chat = useChat();
  const write = useWrite({ source, settings, change, plugin, writing });
  const dropping = useDrop((drop: Drop) => {
    setRefused(drop.kind === "nothing" ? drop.message : undefined);
    if (drop.kind === "model") {
      change({ model: folderModel });
      setFolder(drop.files);
    } else if (drop.kind === "strategy") {
      change({ strategy: "plugin" });
      control.offerFile(drop.file);
    }
  });
  const [opened, { toggle }] = useDisclosure(false);
  const narrow = useMediaQuery("(max-width: 47.99em)", false, { getInitialValueInEffect: false });
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 300, breakpoint: "sm", collapsed: { mobile: !opened } }}
      padding="md"
    >
      <PageHeader remote={source?.remote === true} settingsOpen={opened} onSettings={toggle} />
      <AppShell.Navbar aria-label="Settings" inert={narrow && !opened}>
        <ScrollArea h="100%" viewportProps={{ tabIndex: 0 }}>
          <SettingsPanel settings={settings} change={change} plugin={control} remote={source?.remote === true}>
            <ModelPicker settings={settings} change={change} state={state} onLoad={setAsked} onFolder={setFolder} />
          </SettingsPanel>
        </ScrollArea>
      </AppShell.Navbar>
      <AppShell.Main>
        {dropping ? <DropHint /> : null}
        <PluginWarning {...control} />
        {refused === undefined ? null : (
          <Alert
            color="red"
            mb="md"
            title="The drop cannot be used"
            withCloseButton
            closeButtonLabel="Close"
            onClose={() => setRefused(undefined)}
          >
            {refused}
          </Alert>
        )}
        <Views {...{ source, model, settings, change, plugin, writing, chat }} onWrite={write} />
      </AppShell.Main>
    </AppShell>
  );
}

/** undefined unless the visitor asked for this server: an address in a link waits for the visitor's word. */
function useTarget(model: string, asked: Asked | undefined): ServerTarget | undefined {
  return useMemo(() => {
    const address = serverAddress(model);
    return address === undefined || asked?.address !== model ? undefined : { address, key: asked.key };
  }, [model, asked]);
}

/** undefined while nothing is to be loaded: an address in a link waits for the visitor's word. */
function sourceOf(model: string, folder: FolderFiles | undefined, asked: Asked | undefined): ModelSource | undefined {
  if (model === folderModel) return folder;
  if (serverAddress(model) !== undefined) return undefined;
  return loadsByItself(model) || model === asked?.address ? addressOf(model, location.href) : undefined;
}
