/** The likeliest tuples of an order, stage by stage: the heat map in figures, and all dimensions of it at once. */
import type { Tokenizer } from "@dynamo/core";
import { Table } from "@mantine/core";
import { figure } from "../components/figures.js";
import { tokenLabel } from "./heat-map.js";
import { stageLabels, tupleRows, type InsideStep } from "./stages.js";

export interface TupleTableProps {
  readonly step: InsideStep;
  readonly order: number;
  readonly tokenizer: Tokenizer;
}

/** Rows shown. */
const shown = 8;

export function TupleTable({ step, order, tokenizer }: TupleTableProps): React.JSX.Element {
  const stages = step.stages.get(order) ?? [];
  const rows = tupleRows(step, order, shown);
  const chosen = step.order === order ? step.tuple.join() : "";
  return (
    <Table.ScrollContainer minWidth={480} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
      <Table fz="xs" verticalSpacing={3} aria-label={`Likeliest tuples of ${order} tokens, by stage`}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>tuple</Table.Th>
            <Table.Th>{stageLabels.independent}</Table.Th>
            {stages.map(({ stage }) => (
              <Table.Th key={stage}>{stageLabels[stage]}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map(({ tokens, product, values }) => (
            <Table.Tr key={tokens.join()} className={tokens.join() === chosen ? "chosen" : undefined}>
              <Table.Td className="tight">
                {tokens.map((id) => tokenLabel(tokenizer.decode([id]))).join(" ")}
                {tokens.join() === chosen ? " ★" : ""}
              </Table.Td>
              <Table.Td>{figure(product)}</Table.Td>
              {values.map((value, i) => (
                <Table.Td key={stages[i]?.stage}>{value === 0 ? "–" : figure(value)}</Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
