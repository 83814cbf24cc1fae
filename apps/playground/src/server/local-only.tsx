/** What stands in a view that a server's stream cannot feed. */
import { Alert } from "@mantine/core";

export interface LocalOnlyProps {
  readonly title: string;
  /** Why. */
  readonly children: React.ReactNode;
}

export function LocalOnly({ title, children }: LocalOnlyProps): React.JSX.Element {
  return (
    <Alert color="gray" title={title}>
      {children} Choose a model that runs in this page to see it.
    </Alert>
  );
}
