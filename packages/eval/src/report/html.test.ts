import fc from "fast-check";
import { expect, test } from "vitest";
import { escapeHtml, html, table } from "./html.js";

test("what comes from files is text, wherever it stands", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", minLength: 1 }), (text) => {
      const page = html`<p title="${text}">${text}</p>
        ${table([{ [text]: text, other: html`<b>${text}</b>` }], text)}`.html;
      const own = page.replaceAll(escapeHtml(text), "");
      expect(own.match(/[<>]/g)?.length).toBe(
        html`<p title=""></p>
          ${table([{ a: "b", other: html`<b></b>` }], "c")}`.html.match(/[<>]/g)?.length,
      );
    }),
    { examples: [["</td><script>alert(1)</script>"], ['"><img src=x onerror=alert(1)>'], ["a"]] },
  );
});

test("a table has no column that is empty in all rows, and none for no rows", () => {
  const { html: text } = table([
    { name: "a", empty: "", half: "" },
    { name: "b", empty: undefined, half: 1 },
  ]);
  expect(text).not.toContain("empty");
  expect(text).toContain("half");
  expect(table([]).html).toBe("");
});

test("numbers stand to the right, words to the left", () => {
  const { html: text } = table([{ name: "a", rate: "1.97 (1.91 to 2.03)", share: "2.5 %", why: "2 settings differ" }]);
  expect(text.match(/<th class="number">(rate|share)/g)).toHaveLength(2);
  expect(text).toContain("<th>why");
});
