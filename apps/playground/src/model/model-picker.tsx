/** Which model: an embedded one, an address, or a folder of the visitor's own. */
import { Alert, Button, Group, Progress, Select, Stack, Text, TextInput } from "@mantine/core";
import { useRef, useState } from "react";
import { megabytes } from "../components/figures.js";
import type { Settings } from "../settings/settings.js";
import type { ChangeSettings } from "../settings/use-settings.js";
import { addressOf, embeddedModels, folderModel, loadsByItself } from "./embedded.js";
import type { ModelState } from "./use-model.js";

export interface ModelPickerProps {
  readonly settings: Settings;
  readonly change: ChangeSettings;
  readonly state: ModelState;
  readonly onLoad: (address: string) => void;
  readonly onFolder: (files: readonly File[]) => void;
}

const other = "other";

export function ModelPicker({ settings, change, state, onLoad, onFolder }: ModelPickerProps): React.JSX.Element {
  const embedded = loadsByItself(settings.model);
  const [address, setAddress] = useState(embedded || settings.model === folderModel ? "" : settings.model);
  const [opened, setOpened] = useState(false);
  const open = opened || !embedded;
  const folder = useRef<HTMLInputElement>(null);
  return (
    <Stack gap="xs">
      <Select
        label="Model"
        data={[
          ...embeddedModels.map(({ name, label }) => ({ value: name, label })),
          { value: other, label: "another: address or folder" },
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
          <TextInput
            label="Address of a model folder"
            placeholder="https://…"
            value={address}
            onChange={({ currentTarget }) => setAddress(currentTarget.value)}
          />
          <Group gap="xs">
            <Button
              size="xs"
              variant="default"
              disabled={addressOf(address, location.href) === undefined}
              onClick={() => {
                change({ model: address });
                onLoad(address);
              }}
            >
              Load the address
            </Button>
            <Button size="xs" variant="default" onClick={() => folder.current?.click()}>
              Choose a folder…
            </Button>
            <input
              ref={folder}
              type="file"
              hidden
              multiple
              aria-label="Model folder"
              {...{ webkitdirectory: "" }}
              onChange={({ currentTarget }) => {
                const files = [...(currentTarget.files ?? [])];
                if (files.length === 0) return;
                change({ model: folderModel });
                onFolder(files);
              }}
            />
          </Group>
          <Text size="xs">A folder can also be dropped anywhere on the page.</Text>
        </>
      ) : null}
      <ModelStatus state={state} />
    </Stack>
  );
}

function ModelStatus({ state }: { readonly state: ModelState }): React.JSX.Element {
  switch (state.status) {
    case "idle":
      return <Text size="xs">No model is loaded.</Text>;
    case "loading": {
      const { progress } = state;
      const share = progress?.total === undefined ? undefined : (100 * progress.loaded) / progress.total;
      return (
        <div role="status">
          <Text size="xs">
            {progress === undefined ? "Loading…" : `Loading ${progress.file}: ${megabytes(progress.loaded)}`}
          </Text>
          <Progress value={share ?? 100} animated={share === undefined} aria-label="Share of the file loaded" />
        </div>
      );
    }
    case "failed":
      return (
        <Alert color="red" title="The model could not be loaded">
          <Stack gap="xs" align="start">
            <span className="message">{state.message}</span>
            <Button size="compact-xs" variant="default" onClick={state.again}>
              Try again
            </Button>
          </Stack>
        </Alert>
      );
    case "ready": {
      const { info, device, dtype, cooccurrence } = state.model;
      const heads = info.tokenHeads === 1 ? "one head: one token a pass" : `${info.tokenHeads} token heads`;
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
