/** The page's name, and what stands beside it everywhere: colours, and on a phone the way to the settings. */
import {
  ActionIcon,
  AppShell,
  Button,
  Group,
  Title,
  useComputedColorScheme,
  useMantineColorScheme,
} from "@mantine/core";

export interface PageHeaderProps {
  readonly settingsOpen: boolean;
  readonly onSettings: () => void;
}

export function PageHeader({ settingsOpen, onSettings }: PageHeaderProps): React.JSX.Element {
  return (
    <AppShell.Header>
      <Group h="100%" px="md" justify="space-between" wrap="nowrap">
        <Title order={1} size="h4">
          DynaMo playground
        </Title>
        <Group gap="xs" wrap="nowrap">
          <Button hiddenFrom="sm" variant="default" size="xs" onClick={onSettings} aria-expanded={settingsOpen}>
            Settings
          </Button>
          <SchemeToggle />
        </Group>
      </Group>
    </AppShell.Header>
  );
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
