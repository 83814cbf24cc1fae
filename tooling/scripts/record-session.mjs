// Records what `npm start -- --seed 2` prints as docs/session.svg: `node tooling/scripts/record-session.mjs`.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const columns = 100;
const [lineHeight, characterWidth, margin] = [20, 8.4, 16];
/** The terminal's colours that the demo uses, by SGR code. */
const colours = { 32: "#7ee787", 35: "#d2a8ff", 36: "#79c0ff" };

const command = fileURLToPath(new URL("../../apps/cli/bin/dynamo.js", import.meta.url));
const args = [command, "demo", "--seed", "2", "--max-new-tokens", "120"];
const output = execFileSync(process.execPath, args, { encoding: "utf8", env: { ...process.env, FORCE_COLOR: "1" } });

/** Characters with their styles, as a terminal would show them, wrapped at its width. */
function layOut(text) {
  const lines = [[]];
  let style = { colour: "#c9d1d9", dim: false, bold: false };
  // eslint-disable-next-line no-control-regex -- escape sequences are control characters
  for (const [, code, character] of text.matchAll(/\u001b\[(\d+)m|([^\u001b])/gu)) {
    if (code !== undefined) style = restyle(style, Number(code));
    else if (character === "\n") lines.push([]);
    else {
      if (lines.at(-1).length === columns) lines.push([]);
      lines.at(-1).push({ character, style });
    }
  }
  return lines;
}

function restyle(style, code) {
  if (code === 1) return { ...style, bold: true };
  if (code === 2) return { ...style, dim: true };
  if (code === 22) return { ...style, bold: false, dim: false };
  if (code === 39) return { ...style, colour: "#c9d1d9" };
  return code in colours ? { ...style, colour: colours[code] } : style;
}

const escape = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function span(run) {
  const { colour, dim, bold } = run[0].style;
  const text = escape(run.map(({ character }) => character).join(""));
  return `<tspan fill="${colour}"${dim ? ' opacity="0.65"' : ""}${bold ? ' font-weight="bold"' : ""}>${text}</tspan>`;
}

function spans(line) {
  const runs = [];
  for (const cell of line) {
    if (runs.at(-1)?.[0].style === cell.style) runs.at(-1).push(cell);
    else runs.push([cell]);
  }
  return runs.map(span).join("");
}

const lines = layOut(`$ npm start\n${output.trimEnd()}`);
const width = Math.ceil(columns * characterWidth + 2 * margin);
const height = lines.length * lineHeight + 2 * margin;
const rows = lines.map(
  (line, i) => `<text x="${margin}" y="${margin + (i + 0.75) * lineHeight}" xml:space="preserve">${spans(line)}</text>`,
);
writeFileSync(
  new URL("../../docs/session.svg", import.meta.url),
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14">
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
${rows.join("\n")}
</svg>
`,
);
