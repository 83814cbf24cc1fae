/** Sizes as people read them. */
import { expect, test } from "vitest";
import { sizeText } from "./size-text.js";

test.each([
  [0, "0 bytes"],
  [1, "1 byte"],
  [999, "999 bytes"],
  [1000, "1.0 kB"],
  [48_040, "48.0 kB"],
  [999_949, "999.9 kB"],
  [999_950, "1.0 MB"],
  [12_345_678, "12.3 MB"],
  [999_949_999, "999.9 MB"],
  [999_950_000, "1.00 GB"],
  [1_234_567_890, "1.23 GB"],
])("%i bytes are %s", (bytes, text) => {
  expect(sizeText(bytes)).toBe(text);
});
