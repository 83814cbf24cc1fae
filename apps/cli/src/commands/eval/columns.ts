/** Rows in columns: the first to the left, the others to the right. */
import { paint } from "../../paint.js";

export type Row = Readonly<Record<string, string | number>>;

/** The first row names the columns; a column that is empty in every row is left out. */
export function columnsText(rows: readonly Row[]): string {
  const names = Object.keys(rows[0] ?? {}).filter((name) => rows.some((row) => row[name] !== ""));
  const lines = [names, ...rows.map((row) => names.map((name) => String(row[name] ?? "")))];
  const widths = names.map((_, i) => Math.max(...lines.map((cells) => cells[i]?.length ?? 0)));
  const padded = lines.map((cells) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  "),
  );
  return [paint.dim(padded[0] ?? ""), ...padded.slice(1)].join("\n");
}
