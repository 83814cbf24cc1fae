/** Sizes of memory and files in messages. */
import { checkValue, valueCheck } from "./value-checks.js";

const bytesCheck = valueCheck<number>("a number of bytes", (value) => typeof value === "number");

/** Each begins where the unit before it would round to 1000. */
const units = [
  { unit: "GB", bytes: 1e9, from: 999_950_000, digits: 2 },
  { unit: "MB", bytes: 1e6, from: 999_950, digits: 1 },
  { unit: "kB", bytes: 1e3, from: 1000, digits: 1 },
];

/** In the unit that suits: "512 bytes", "48.0 kB", "12.3 MB", "1.23 GB". Powers of ten. */
export function sizeText(bytes: number): string {
  checkValue("bytes", bytes, bytesCheck);
  const found = units.find(({ from }) => bytes >= from);
  if (found === undefined) return `${bytes} ${bytes === 1 ? "byte" : "bytes"}`;
  return `${(bytes / found.bytes).toFixed(found.digits)} ${found.unit}`;
}
