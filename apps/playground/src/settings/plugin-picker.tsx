/** Takes a strategy's module in, after a word of warning: it runs code. */
import { Alert, Button, FileButton, Group, Modal, Stack, Text } from "@mantine/core";
import type { PluginControl } from "./use-plugin.js";

export function PluginPicker({ plugin, error, offer }: PluginControl): React.JSX.Element {
  return (
    <Stack gap="xs">
      <FileButton
        accept=".js,.mjs,text/javascript"
        onChange={(file) => {
          if (file !== null) offer(file);
        }}
      >
        {(props) => (
          <Button variant="default" size="xs" {...props}>
            {plugin === undefined ? "Choose a strategy file…" : `Running ${plugin.name} – choose another…`}
          </Button>
        )}
      </FileButton>
      {plugin === undefined ? <Text size="xs">Until there is one, dynamo writes in its place.</Text> : null}
      {error === undefined ? null : <Alert color="red">{error}</Alert>}
    </Stack>
  );
}

export function PluginWarning({ offered, run, refuse }: PluginControl): React.JSX.Element {
  return (
    <Modal
      opened={offered !== undefined}
      onClose={refuse}
      title="This file is a program"
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <Stack>
        <Text>
          <b>{offered?.name}</b> will run in this page. It can read and change everything here and send it anywhere. Run
          it only if you wrote it, or trust who did.
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
