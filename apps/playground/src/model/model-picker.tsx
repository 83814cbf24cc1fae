/** Which model: an embedded one, an address, a server's, or a folder of the visitor's own. */
import { Alert, Button, Progress, Select, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { megabytes } from "../components/figures.js";
import type { ServerState } from "../server/use-server.js";
import type { Settings } from "../settings/settings.js";
import type { ChangeSettings } from "../settings/use-settings.js";
import { AddressField, type Asked } from "./address-field.js";
import { embeddedModels, folderModel, loadsByItself } from "./embedded.js";
import { KeptModels } from "./kept-models.js";
import type { FolderFiles } from "./open-model.js";
import type { ModelState } from "./use-model.js";

export interface ModelPickerProps {
  readonly settings: Settings;
  readonly change: ChangeSettings;
  readonly state: ModelState | ServerState;
  readonly onLoad: (asked: Asked) => void;
  readonly onFolder: (files: FolderFiles) => void;
}

const other = "other";

export function ModelPicker({ settings, change, state, onLoad, onFolder }: ModelPickerProps): React.JSX.Element {
  const embedded = loadsByItself(settings.model);
  const [opened, setOpened] = useState(false);
  const open = opened || !embedded;
  const load = (asked: Asked): void => {
    change({ model: asked.address });
    onLoad(asked);
  };
  return (
    <Stack gap="xs">
      <Select
        label="Model"
        data={[
          ...embeddedModels.map(({ name, label }) => ({ value: name, label })),
          { value: other, label: "another model…" },
        ]}
        value={open ? other : settings.model}
        allowDeselect={false}
        onChange={(value) => {
          setOpened(value === other);
          if (value !== null && value !== other) change({ model: value });
        }}
      />
      {open ? (
        <>
          <AddressField
            initial={embedded || settings.model === folderModel ? "" : settings.model}
            onLoad={load}
            onFolder={(files) => {
              change({ model: folderModel });
              onFolder(files);
            }}
          />
          <KeptModels when={state.status} onLoad={(address) => load({ address, key: undefined })} />
        </>
      ) : null}
      {state.status === "connected" && state.server.models.length > 1 ? (
        <Select
          label="Model of the server"
          data={[...new Set(state.server.models)]}
          value={state.server.models.find((name) => name === settings.serverModel) ?? state.server.models[0] ?? null}
          allowDeselect={false}
          searchable
          onChange={(name) => change({ serverModel: name ?? "" })}
        />
      ) : null}
      <ModelStatus state={state} />
    </Stack>
  );
}

function ModelStatus({ state }: { readonly state: ModelState | ServerState }): React.JSX.Element {
  switch (state.status) {
    case "idle":
      return <Text size="xs">No model is loaded.</Text>;
    case "connecting":
      return (
        <Text size="xs" role="status">
          Connecting…
        </Text>
      );
    case "loading": {
      const { progress, stop } = state;
      const { total } = progress ?? {};
      const share = progress === undefined || !total ? undefined : (100 * progress.loaded) / total;
      return (
        <Stack gap={4} align="stretch">
          <div role="status">
            <Text size="xs" className="long">
              {progress === undefined
                ? "Loading…"
                : `Loading ${progress.file}: ${megabytes(progress.loaded)}${total ? ` of ${megabytes(total)}` : ""}`}
            </Text>
            <Progress value={share ?? 100} animated={share === undefined} aria-label="Share of the file loaded" />
          </div>
          <Button size="compact-xs" variant="default" style={{ alignSelf: "start" }} onClick={stop}>
            Stop loading
          </Button>
        </Stack>
      );
    }
    case "stopped":
      return (
        <Stack gap={4} align="start">
          <Text size="xs" role="status">
            Loading was stopped. What is here already is kept.
          </Text>
          <Button size="compact-xs" variant="default" onClick={state.again}>
            Go on loading
          </Button>
        </Stack>
      );
    case "failed":
    case "lost": {
      const lost = state.status === "lost";
      return (
        <Alert color="red" title={lost ? "The model was lost" : "The model could not be loaded"}>
          <Stack gap="xs" align="start">
            <span className="message">{state.message}</span>
            <Button size="compact-xs" variant="default" onClick={state.again}>
              {lost ? "Load again" : "Try again"}
            </Button>
          </Stack>
        </Alert>
      );
    }
    case "connected":
      return (
        <Text size="xs" role="status" data-testid="model-ready" className="long">
          Connected to {state.server.address}: what you write is sent there
        </Text>
      );
    case "ready": {
      const { info, device, dtype, cooccurrence } = state.model;
      const heads = info.tokenHeads === 1 ? "one head: one token per pass" : `${info.tokenHeads} token heads`;
      return (
        <div role="status">
          <Text size="xs" data-testid="model-ready">
            Ready: {heads}, {dtype}, {cooccurrence === undefined ? "no mask" : "with mask"}, on {device.device} (
            {device.reason})
          </Text>
          {state.notKept === undefined ? null : (
            <Text size="xs" mt={4}>
              The browser has no room to keep this model ({state.notKept}): the next visit downloads it again.
            </Text>
          )}
        </div>
      );
    }
  }
}
