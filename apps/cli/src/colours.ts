/** Colours of passes by how many tokens they gave. */
import { paint } from "./paint.js";

const byOrder = [paint.dim, paint.dim, paint.cyan, paint.green, paint.magenta];

export const colourPass = (text: string, tokens: number): string => (byOrder[Math.min(tokens, 4)] ?? paint.green)(text);

export const legend = (tokenHeads: number): string =>
  Array.from({ length: tokenHeads }, (_, i) => colourPass(`${i + 1} ${i === 0 ? "token" : "tokens"}`, i + 1)).join(
    " · ",
  );
