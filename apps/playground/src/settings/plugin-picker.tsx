/** Drops a strategy's module in, after a word of warning: it runs code. */
import type { Strategy } from "@dynamo/core";
import { Alert, Button, FileButton, Group, Modal, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { messageOf } from "../components/message-of.js";
import { importPlugin } from "./plugin.js";

export interface PluginPickerProps {
  readonly plugin: Strategy | undefined;
  readonly onPlugin: (plugin: Strategy) => void;
}

export function PluginPicker({ plugin, onPlugin }: PluginPickerProps): React.JSX.Element {
  const [file, setFile] = useState<File | null>(null);
  const [error, setError] = useState<string>();
  const run = async (): Promise<void> => {
    if (file === null) return;
    try {
      onPlugin(await importPlugin(file));
      setError(undefined);
    } catch (problem) {
      setError(messageOf(problem));
    }
    setFile(null);
  };
  return (
    <Stack gap="xs">
      <FileButton accept=".js,.mjs,text/javascript" onChange={setFile}>
        {(props) => (
          <Button variant="default" size="xs" {...props}>
            {plugin === undefined ? "Choose a strategy file…" : `Running ${plugin.name} – choose another…`}
          </Button>
        )}
      </FileButton>
      {plugin === undefined ? <Text size="xs">Until there is one, dynamo writes in its place.</Text> : null}
      {error === undefined ? null : <Alert color="red">{error}</Alert>}
      <Modal
        opened={file !== null}
        onClose={() => setFile(null)}
        title="This file is a program"
        closeButtonProps={{ "aria-label": "Close" }}
      >
        <Stack>
          <Text>
            <b>{file?.name}</b> will run in this page. It can read and change everything here and send it anywhere. Run
            it only if you wrote it, or trust who did.
          </Text>
          <Group justify="end">
            <Button variant="default" onClick={() => setFile(null)} data-autofocus>
              Do not run
            </Button>
            <Button color="red" onClick={() => void run()}>
              Run it
            </Button>
          </Group>
        </Stack>
      </Modal>
    </Stack>
  );
}
