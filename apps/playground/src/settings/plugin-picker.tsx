/** Takes a strategy's module in, after a word of warning: it runs code. */
import { Alert, Button, FileButton, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import type { PluginControl } from "./use-plugin.js";

export function PluginPicker(control: PluginControl): React.JSX.Element {
  const { plugin, options, setOptions, optionsError, loading, error, offerFile, offerAddress } = control;
  const [address, setAddress] = useState("");
  return (
    <Stack gap="xs">
      <FileButton
        accept=".js,.mjs,text/javascript"
        onChange={(file) => {
          if (file !== null) offerFile(file);
        }}
      >
        {(props) => (
          <Button variant="default" size="xs" {...props}>
            {plugin === undefined ? "Choose a strategy file…" : `Running ${plugin.name} – choose another…`}
          </Button>
        )}
      </FileButton>
      <TextInput
        label="Or the address of its module"
        placeholder="https://…/strategy.js"
        value={address}
        onChange={({ currentTarget }) => setAddress(currentTarget.value)}
        onKeyDown={({ key }) => {
          if (key === "Enter") offerAddress(address);
        }}
      />
      <Button
        variant="default"
        size="xs"
        disabled={address.trim() === ""}
        loading={loading}
        onClick={() => offerAddress(address)}
      >
        Load the module
      </Button>
      {error === undefined ? null : (
        <Alert color="red">
          <span className="message">{error}</span>
        </Alert>
      )}
      <TextInput
        label="Its options, as JSON"
        description="It gets these and the settings that you change here."
        // Mantine's grey has too little contrast.
        descriptionProps={{ c: "inherit" }}
        placeholder={'{"least": 0.5}'}
        error={optionsError}
        errorProps={{ className: "message" }}
        value={options}
        onChange={({ currentTarget }) => setOptions(currentTarget.value)}
      />
      {plugin === undefined ? <Text size="xs">Until there is one, dynamo writes in its place.</Text> : null}
    </Stack>
  );
}

export function PluginWarning({ offered, run, refuse }: PluginControl): React.JSX.Element {
  return (
    <Modal
      opened={offered !== undefined}
      onClose={refuse}
      title="This module is a program"
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <Stack>
        <Text>
          <b className="message">{offered?.name}</b> will run in this page. It can read and change everything here and
          send it anywhere. Run it only if you wrote it, or trust who did.
        </Text>
        <Group justify="end">
          <Button variant="default" onClick={refuse} data-autofocus>
            Do not run
          </Button>
          <Button color="red" onClick={run}>
            Run it
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
