/** Shown over the page while files are held above it. */
import { Overlay, Paper, Stack, Text } from "@mantine/core";

export function DropHint(): React.JSX.Element {
  return (
    // It takes no part in the drag: the events are the page's.
    <Overlay
      fixed
      zIndex={1000}
      center
      backgroundOpacity={0.5}
      style={{ pointerEvents: "none" }}
      data-testid="drop-hint"
    >
      <Paper p="xl" radius="md" shadow="xl">
        <Stack gap={4} align="center">
          <Text fw={700}>Drop it here</Text>
          <Text size="sm">A model folder is loaded. A strategy (.js or .mjs) runs once you allow it.</Text>
        </Stack>
      </Paper>
    </Overlay>
  );
}
