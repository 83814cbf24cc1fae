/** Models of the hub that this browser keeps: loaded again without a network, or removed. */
import type { BrowserModel } from "@dynamo/hub/browser";
import { Button, Group, Stack, Text } from "@mantine/core";
import { useCallback, useEffect, useState } from "react";
import { megabytes } from "../components/figures.js";
import { messageOf } from "../components/message-of.js";

export interface KeptModelsProps {
  /** Looked at again when it changes. */
  readonly when: unknown;
  readonly onLoad: (address: string) => void;
}

export function KeptModels({ when, onLoad }: KeptModelsProps): React.JSX.Element {
  const [shown, setShown] = useState(false);
  const [models, setModels] = useState<readonly BrowserModel[]>();
  const [failure, setFailure] = useState<string>();
  const look = useCallback(async () => {
    // Nothing of the hub is loaded before somebody asks.
    const { browserModels } = await import("@dynamo/hub/browser");
    setModels(await browserModels());
  }, []);
  useEffect(() => {
    if (!shown) return;
    look().catch((error: unknown) => setFailure(messageOf(error)));
  }, [look, shown, when]);
  const remove = async (id: string): Promise<void> => {
    try {
      const { removeBrowserModel } = await import("@dynamo/hub/browser");
      await removeBrowserModel(id);
      await look();
    } catch (error) {
      setFailure(messageOf(error));
    }
  };
  if (!shown) {
    return (
      <Button size="compact-xs" variant="default" style={{ alignSelf: "start" }} onClick={() => setShown(true)}>
        Models kept in this browser…
      </Button>
    );
  }
  return (
    <section aria-label="Kept models">
      <Text size="xs" fw={600}>
        {models?.length === 0 ? "This browser keeps no model of the hub." : "Models of the hub that this browser keeps"}
      </Text>
      <Stack gap={4} mt={4}>
        {models?.map(({ id, downloaded, made }) => (
          <div key={id}>
            <Text size="xs" className="long">
              {id}, {megabytes(downloaded + made)}
            </Text>
            <Group gap="xs">
              <Button size="compact-xs" variant="default" aria-label={`Load ${id}`} onClick={() => onLoad(`hf:${id}`)}>
                Load
              </Button>
              <Button size="compact-xs" variant="default" aria-label={`Remove ${id}`} onClick={() => void remove(id)}>
                Remove
              </Button>
            </Group>
          </div>
        ))}
      </Stack>
      {failure === undefined ? null : (
        <Text size="xs" role="alert">
          {failure}
        </Text>
      )}
    </section>
  );
}
