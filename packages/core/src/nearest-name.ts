/** The name that somebody probably meant: by edit distance, without regard to case, underscores and hyphens. */

/** Longer names are not compared: no option has such a name. */
const longestName = 64;

/** Undefined when none is near: more than a third of the letters would have to change. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  if (name.length > longestName) return undefined;
  const letters = lettersOf(name);
  let [nearest, least]: [string | undefined, number] = [undefined, Infinity];
  for (const each of known) {
    const distance = editDistance(letters, lettersOf(each));
    if (distance < least && distance <= Math.max(1, Math.floor(Math.max(letters.length, each.length) / 3)))
      [nearest, least] = [each, distance];
  }
  return nearest;
}

const lettersOf = (name: string): string => name.replace(/[-_]/g, "").toLowerCase();

/** Levenshtein's: letters to put in, take out or replace. */
function editDistance(a: string, b: string): number {
  let before = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (before[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, (before[j] as number) + 1, (row[j - 1] as number) + 1));
    }
    before = row;
  }
  return before[b.length] as number;
}
