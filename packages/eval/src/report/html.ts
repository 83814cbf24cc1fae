/** A page's parts as HTML. What comes from files is escaped here, and nowhere else. */

/** HTML that may be put into a page as it is. */
export interface Html {
  readonly html: string;
}

export type Cell = string | number | Html | null | undefined;

export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

const isHtml = (cell: Cell): cell is Html => typeof cell === "object" && cell !== null;
const cellHtml = (cell: Cell): string => (isHtml(cell) ? cell.html : escapeHtml(String(cell ?? "")));

/** A template whose values are escaped, those that are HTML and lists of it excepted. */
export function html(parts: TemplateStringsArray, ...values: readonly (Cell | readonly Html[])[]): Html {
  const texts = values.map((value) =>
    Array.isArray(value) ? (value as readonly Html[]).map((each) => each.html).join("\n") : cellHtml(value as Cell),
  );
  return { html: parts.map((part, i) => part + (texts[i] ?? "")).join("") };
}

/** Rows of the same columns, the first one's, without those that are empty in all; numbers to the right. Nothing for no rows. */
export function table(rows: readonly Readonly<Record<string, Cell>>[], caption = ""): Html {
  const [first] = rows;
  if (first === undefined) return { html: "" };
  const columns = Object.keys(first).filter((column) => rows.some((row) => (row[column] ?? "") !== ""));
  const numeric = (column: string): boolean =>
    rows.every((row) =>
      /^(-?[\d.,]+([^a-z]*|\s.*\sto\s.*))?$/.test(isHtml(row[column]) ? "x" : String(row[column] ?? "")),
    );
  const classes = columns.map((column, i) => (i > 0 && numeric(column) ? { html: ' class="number"' } : { html: "" }));
  return html`<div class="scroll">
    <table>
      ${
        caption === ""
          ? { html: "" }
          : html`<caption>
              ${caption}
            </caption>`
      }
      <thead>
        <tr>
          ${columns.map((column, i) => html`<th${classes[i]}>${column}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              ${columns.map((column, i) => html`<td${classes[i]}>${row[column]}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

export const figure = (svg: Html, caption: string | Html): Html =>
  html`<figure>
    ${svg}
    <figcaption>${caption}</figcaption>
  </figure>`;

export const section = (title: string, body: readonly Html[]): Html =>
  html`<section>
    <h2>${title}</h2>
    ${body}
  </section>`;
