/** Write: a prompt and its continuation, pass by pass. */
import { Alert, Button, Grid, Group, Kbd, Stack, Text, Textarea } from "@mantine/core";
import { useMemo, useState } from "react";
import { count } from "../components/figures.js";
import { Legend } from "../components/legend.js";
import { TallyLine } from "../components/tally-line.js";
import { addPass, emptyTally, fillsContext } from "../passes/pass.js";
import type { PassSource } from "../passes/pass-source.js";
import type { Writing } from "../passes/use-passes.js";
import { promptFitsLink, type Settings } from "../settings/settings.js";
import type { ChangeSettings } from "../settings/use-settings.js";
import { OneHeadNote } from "../components/one-head-note.js";
import { PassDetails } from "./pass-details.js";
import { PassText } from "./pass-text.js";

export interface WriteViewProps {
  readonly source: PassSource | undefined;
  readonly settings: Settings;
  readonly change: ChangeSettings;
  readonly writing: Writing;
  readonly onWrite: () => void;
}

export function WriteView({ source, settings, change, writing, onWrite }: WriteViewProps): React.JSX.Element {
  const [active, setActive] = useState<number>();
  const write = (): void => {
    setActive(undefined);
    onWrite();
  };
  const tally = useMemo(() => writing.passes.reduce(addPass, emptyTally), [writing.passes]);
  const inPage = writing.source === source && source?.remote === false;
  const pass = writing.passes[active ?? writing.passes.length - 1];
  const contextLength = source?.contextLength;
  return (
    <Stack>
      <Textarea
        label="Prompt"
        autosize
        minRows={2}
        maxRows={8}
        value={settings.prompt}
        description={promptFitsLink(settings) ? undefined : "Too long for a link: the address leaves this prompt out."}
        inputWrapperOrder={["label", "input", "description", "error"]}
        onChange={({ currentTarget }) => change({ prompt: currentTarget.value, run: false })}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) write();
        }}
      />
      <Group>
        <Button onClick={write} disabled={source === undefined} loading={writing.running}>
          Write
        </Button>
        <Button variant="default" onClick={writing.stop} disabled={!writing.running}>
          Stop
        </Button>
        <Text size="xs" visibleFrom="sm">
          <Kbd size="xs">Ctrl</Kbd> + <Kbd size="xs">Enter</Kbd> in the prompt writes
        </Text>
      </Group>
      {writing.error === undefined ? null : (
        <Alert color="red" title={writing.passes.length === 0 ? "No text was written" : "The text ended early"}>
          <span className="message">{writing.error}</span>
        </Alert>
      )}
      {source?.heads === 1 ? <OneHeadNote /> : null}
      {writing.passes.length === 0 ? (
        <Start heads={source?.heads ?? 3} />
      ) : (
        <Grid>
          <Grid.Col span={{ base: 12, lg: 7 }}>
            <Stack gap="sm">
              <TallyLine tally={tally} />
              <Legend tally={tally} heads={writing.source?.heads ?? 1} />
              <PassText
                label="The text, one box per pass"
                prompt={writing.prompt}
                passes={writing.passes}
                active={active}
                onActivate={setActive}
              />
              {contextLength !== undefined && fillsContext(contextLength, writing.passes) ? (
                <Text size="sm" role="status">
                  Ended here: the model&apos;s context of {count(contextLength, "token")}, prompt included, is full.
                </Text>
              ) : null}
            </Stack>
          </Grid.Col>
          <Grid.Col span={{ base: 12, lg: 5 }}>
            {pass === undefined || writing.source === undefined ? null : (
              <PassDetails
                pass={pass}
                tokenizer={writing.source}
                onLookInside={inPage ? () => change({ view: "inside", pass: pass.index }) : undefined}
              />
            )}
          </Grid.Col>
        </Grid>
      )}
    </Stack>
  );
}

/** What is there before the first text. */
function Start({ heads }: { readonly heads: number }): React.JSX.Element {
  const orders = Array.from({ length: heads }, (_, i) => i + 1);
  return (
    <Text>
      Each box of the text is one forward pass of the model, coloured by how many tokens it gave:{" "}
      {orders.map((order) => (
        <span key={order}>
          <span className={`tight pass-box order-${order}`}>{count(order, "token")}</span>{" "}
        </span>
      ))}
      – point at one, or tap it, and see what every head saw.
    </Text>
  );
}
