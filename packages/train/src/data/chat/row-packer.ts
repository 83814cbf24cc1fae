/**
 * Conversations into rows of one length. A row holds whole conversations and padding behind them; each goes into the fullest
 * of some open rows that has room for it (best fit). What goes where depends on the conversations and their order alone.
 */
import { DynamoError } from "@dynamo/core";

export interface PackedRow {
  /** [rowTokens] ids, end-of-text as padding. */
  readonly tokens: Int32Array;
  /** [rowTokens] 1 for a target. */
  readonly counted: Int32Array;
}

export interface RowPacker {
  /** A conversation of at most `rowTokens` tokens; rows that are full come back. */
  add(tokens: Int32Array, counted: Int32Array): PackedRow[];
  /** The rows that are still open, oldest first. */
  end(): PackedRow[];
}

interface OpenRow extends PackedRow {
  filled: number;
}

/** With so many to choose from rows of instruction data are some 95 % full. */
const openRows = 64;

export function createRowPacker({
  rowTokens,
  padding,
}: {
  readonly rowTokens: number;
  readonly padding: number;
}): RowPacker {
  const open: OpenRow[] = [];
  const begin = (): OpenRow => ({
    tokens: new Int32Array(rowTokens).fill(padding),
    counted: new Int32Array(rowTokens),
    filled: 0,
  });
  const fullest = (room: number): OpenRow | undefined => {
    const fitting = open.filter(({ filled }) => filled + room <= rowTokens);
    return fitting.reduce<OpenRow | undefined>(
      (best, row) => (row.filled > (best?.filled ?? -1) ? row : best),
      undefined,
    );
  };
  const close = (row: OpenRow): PackedRow[] => {
    open.splice(open.indexOf(row), 1);
    return [row];
  };
  return {
    add(tokens, counted) {
      if (tokens.length > rowTokens)
        throw new DynamoError("invalid-argument", `expected at most ${rowTokens} tokens, received ${tokens.length}`);
      const closed: PackedRow[] = [];
      let row = fullest(tokens.length);
      if (row === undefined) {
        if (open.length === openRows) closed.push(...close(fullest(0) as OpenRow));
        row = begin();
        open.push(row);
      }
      row.tokens.set(tokens, row.filled);
      row.counted.set(counted, row.filled);
      row.filled += tokens.length;
      if (row.filled === rowTokens) closed.push(...close(row));
      return closed;
    },
    end: () => open.splice(0),
  };
}
