/** Colours of passes by how many tokens they gave. */
import pc from "picocolors";

const byOrder = [pc.dim, pc.dim, pc.cyan, pc.green, pc.magenta];

export const colourPass = (text: string, tokens: number): string => (byOrder[Math.min(tokens, 4)] ?? pc.green)(text);

export const legend = (tokenHeads: number): string =>
  Array.from({ length: tokenHeads }, (_, i) => colourPass(`${i + 1} ${i === 0 ? "token" : "tokens"}`, i + 1)).join(
    " · ",
  );
