/** Sizes of memory and files in messages. */
import { checkValue, valueCheck } from "./value-checks.js";

const bytesCheck = valueCheck<number>("a number of bytes", (value) => typeof value === "number");

/** Megabytes below a gigabyte, gigabytes from there on: "12.3 MB", "1.23 GB". Powers of ten. */
export function sizeText(bytes: number): string {
  checkValue("bytes", bytes, bytesCheck);
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
