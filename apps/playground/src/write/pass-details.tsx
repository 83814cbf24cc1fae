/** What one pass saw and did: the heads' likeliest tokens, the orders tried, the time it took. */
import type { Tokenizer } from "@dynamo/core";
import { Badge, Button, Card, Group, Progress, SimpleGrid, Stack, Table, Text, Title } from "@mantine/core";
import { count, figure, percent } from "../components/figures.js";
import { tokenLabel } from "../inside/heat-map.js";
import { headColumns, orderTrace, probabilityOf, type HeadColumn, type Pass } from "../passes/pass.js";

/** Candidates shown of each head. */
const shown = 5;

export interface PassDetailsProps {
  readonly pass: Pass;
  readonly tokenizer: Pick<Tokenizer, "decode">;
  readonly onLookInside: (() => void) | undefined;
}

export function PassDetails({ pass, tokenizer, onLookInside }: PassDetailsProps): React.JSX.Element {
  const columns = headColumns(pass);
  return (
    <Card withBorder component="section" aria-label="The pass" className="pass-details" padding="sm">
      <Stack gap="sm">
        <Group justify="space-between">
          <Title order={2} size="h5">
            Pass {pass.index + 1}
          </Title>
          <Group gap="xs">
            <Badge variant="default">{count(pass.tokens.length, "token")}</Badge>
            <Badge variant="default">order {pass.order}</Badge>
            <Badge variant="default" tt="none">
              {figure(1000 * pass.seconds)} ms
            </Badge>
          </Group>
        </Group>
        <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="md">
          {columns.map((column) => (
            <HeadTable key={`${column.position}-${column.head}`} column={column} tokenizer={tokenizer} />
          ))}
        </SimpleGrid>
        <OrderTable pass={pass} />
        {onLookInside === undefined ? null : (
          <Button variant="default" size="xs" onClick={onLookInside}>
            Look inside this pass
          </Button>
        )}
      </Stack>
    </Card>
  );
}

function HeadTable({
  column,
  tokenizer,
}: {
  column: HeadColumn;
  tokenizer: Pick<Tokenizer, "decode">;
}): React.JSX.Element {
  const { head, position, candidates, token } = column;
  const chosen = token === undefined ? -1 : candidates.ids.indexOf(token);
  // A token that was drawn from far down the list is shown all the same.
  const ranks = [...candidates.ids.subarray(0, shown).keys(), ...(chosen >= shown ? [chosen] : [])];
  const after = position === 0 ? "" : `, after ${count(position, "draft")}`;
  return (
    <div>
      <Text size="xs" fw={600} component="h3" m={0}>
        Head {head}
        {after}
        {token === undefined ? (
          <Text span size="xs">
            {" "}
            – gave no token
          </Text>
        ) : null}
      </Text>
      <Table verticalSpacing={1} horizontalSpacing={4} fz="xs" aria-label={`Head ${head}${after}: likeliest tokens`}>
        <Table.Tbody>
          {ranks.map((rank) => {
            const probability = probabilityOf(candidates, rank);
            return (
              <Table.Tr key={rank} className={rank === chosen ? "chosen" : undefined}>
                <Table.Td className="tight">
                  {tokenLabel(tokenizer.decode([candidates.ids[rank] as number]))}
                  {rank === chosen ? " ★" : ""}
                </Table.Td>
                <Table.Td w="40%">
                  <Progress value={100 * probability} size="sm" aria-hidden />
                </Table.Td>
                <Table.Td ta="right" className="tight">
                  {percent(probability)}
                </Table.Td>
              </Table.Tr>
            );
          })}
        </Table.Tbody>
      </Table>
    </div>
  );
}

function OrderTable({ pass }: { pass: Pass }): React.JSX.Element | null {
  const orders = orderTrace(pass);
  if (orders === undefined || orders.length === 0) return null;
  return (
    <Table.ScrollContainer minWidth={300} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
      <Table fz="xs" verticalSpacing={2} horizontalSpacing={4} aria-label="Orders tried">
        <Table.Thead>
          <Table.Tr>
            {["order", "threshold", "mass", "peak", "peak after", "Otsu", "left"].map((name) => (
              <Table.Th key={name}>{name}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {orders.map(({ order, threshold, mass, peak, peakAfter, otsu, support }) => (
            <Table.Tr key={order} className={order === pass.order ? "chosen" : undefined}>
              <Table.Td className="tight">
                {order}
                {order === pass.order ? " ★" : ""}
              </Table.Td>
              <Table.Td>{figure(threshold)}</Table.Td>
              <Table.Td>{figure(mass)}</Table.Td>
              <Table.Td>{figure(peak)}</Table.Td>
              <Table.Td>{figure(peakAfter)}</Table.Td>
              <Table.Td>{otsu === undefined ? "–" : figure(otsu)}</Table.Td>
              <Table.Td>{figure(support)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
