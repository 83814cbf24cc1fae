/** The name that somebody who mistyped one meant. */

/** Edits (a letter more, less, another one, two exchanged) between two names. */
function distance(a: string, b: string): number {
  let [before, last] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      const ways = [(last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same];
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) ways.push((before[j - 2] ?? 0) + 1);
      row.push(Math.min(...ways));
    }
    [before, last] = [last, row];
  }
  return last[b.length] ?? 0;
}

/** Undefined when none is near: more than one letter, and two fifths of them, are others. */
export function nearest(given: string, names: readonly string[]): string | undefined {
  const near = names
    .map((name) => ({ name, edits: distance(given.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, edits }) => edits <= Math.max(1, 0.4 * Math.max(name.length, given.length)))
    .sort((a, b) => a.edits - b.edits);
  return near[0]?.name;
}

/** A sentence for a value that is none of the names. */
export function expectedOneOf(names: readonly string[], given: string): string {
  const near = nearest(given, names);
  return `expected one of ${names.join(", ")}, received ${given}${near === undefined ? "" : `; did you mean ${near}?`}`;
}
