/** Values to colours: the logarithm of a joint's value from 1e-4 to 1, the same for all stages. */
import { scale, type ScaleOptions } from "@observablehq/plot";

export const domain = [1e-4, 1] as const;

export const colourOptions = (dark: boolean): ScaleOptions => ({
  type: "log",
  domain: [...domain],
  clamp: true,
  scheme: dark ? "viridis" : "ylgnbu",
});

const scales = { light: scale({ color: colourOptions(false) }), dark: scale({ color: colourOptions(true) }) };

export const colourOf = (value: number, dark: boolean): string =>
  String((dark ? scales.dark : scales.light).apply(Math.max(value, domain[0])));
