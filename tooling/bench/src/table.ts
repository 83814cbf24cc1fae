/** Rows as a plain-text table: numbers to the right, so that they compare at a glance. */

export type Row = Readonly<Record<string, string | number>>;

/** The columns are the first row's keys, in order; a row without one leaves it empty. */
export function formatTable(rows: readonly Row[]): string {
  const columns = Object.keys(rows[0] ?? {});
  const cells = rows.map((row) => columns.map((column) => formatCell(row[column])));
  const widths = columns.map((column, i) => Math.max(column.length, ...cells.map((line) => line[i]?.length ?? 0)));
  const isNumeric = columns.map((column) => rows.every((row) => typeof (row[column] ?? 0) === "number"));
  const pad = (line: readonly string[]): string =>
    line
      .map((cell, i) => (isNumeric[i] === true ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join("  ");
  return [columns, widths.map((width) => "-".repeat(width)), ...cells].map((line) => pad(line).trimEnd()).join("\n");
}

/** Four significant digits: benchmarks are not more exact than that. */
function formatCell(value: string | number | undefined): string {
  if (typeof value !== "number") return value ?? "";
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}
