/** The page's name, and what stands beside it everywhere: colours, and on a phone the way to the settings. */
import {
  ActionIcon,
  AppShell,
  Button,
  Group,
  Text,
  Title,
  useComputedColorScheme,
  useMantineColorScheme,
} from "@mantine/core";

export interface PageHeaderProps {
  /** Passes come from a server. */
  readonly remote: boolean;
  readonly settingsOpen: boolean;
  readonly onSettings: () => void;
}

export function PageHeader({ remote, settingsOpen, onSettings }: PageHeaderProps): React.JSX.Element {
  return (
    <AppShell.Header>
      <Group h="100%" px="md" justify="space-between" wrap="nowrap">
        <Group gap="sm" wrap="nowrap">
          <Logo />
          <Title order={1} size="h4">
            DynaMo
            <Text span inherit visibleFrom="xs">
              {" "}
              playground
            </Text>
          </Title>
          <Text size="sm" visibleFrom="md">
            a language model that writes several tokens per forward pass, {remote ? "on a server" : "in this browser"}
          </Text>
        </Group>
        <Group gap="xs" wrap="nowrap">
          <Button hiddenFrom="sm" variant="default" size="xs" onClick={onSettings} aria-expanded={settingsOpen}>
            {settingsOpen ? "Close settings" : "Settings"}
          </Button>
          <SchemeToggle />
        </Group>
      </Group>
    </AppShell.Header>
  );
}

/** Passes of three, two and one token. */
function Logo(): React.JSX.Element {
  return (
    <svg width="22" height="22" viewBox="0 0 16 16" fill="currentColor" className="logo" aria-hidden>
      <path d="M1 2h14v3H1zM1 7h9v3H1zM1 12h4v3H1z" />
    </svg>
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
