/** A date as C's strftime writes it, in English and in the machine's own time zone. */
import { fail } from "./errors.js";

const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

type Field = readonly [value: string | number, width?: number, fill?: string];

/** `%-d` leaves the fill out, as glibc does. Throws for a field that is not there. */
export function strftime(date: Date, pattern: string): string {
  return pattern.replace(/%([-_0]?)([^])/g, (_, flag: string, name: string) => {
    const composed = compositions[name];
    if (composed !== undefined) return strftime(date, composed);
    const field = fields[name];
    if (field === undefined)
      return fail(
        `strftime_now expected one of %${[...Object.keys(fields), ...Object.keys(compositions)].join(" %")}, received %${name}`,
      );
    const [value, width = 0, fill = "0"] = field(date);
    return flag === "-" ? String(value) : String(value).padStart(width, flag === "" ? fill : flag === "_" ? " " : flag);
  });
}

const compositions: Readonly<Record<string, string>> = {
  c: "%a %b %e %H:%M:%S %Y",
  D: "%m/%d/%y",
  F: "%Y-%m-%d",
  r: "%I:%M:%S %p",
  R: "%H:%M",
  T: "%H:%M:%S",
  x: "%m/%d/%y",
  X: "%H:%M:%S",
};

const twelve = (date: Date): number => date.getHours() % 12 || 12;
const dayOfYear = (date: Date): number =>
  Math.round(
    (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - Date.UTC(date.getFullYear(), 0, 1)) / 86_400_000,
  ) + 1;

const fields: Readonly<Record<string, (date: Date) => Field>> = {
  a: (date) => [days[date.getDay()]?.slice(0, 3) ?? ""],
  A: (date) => [days[date.getDay()] ?? ""],
  b: (date) => [months[date.getMonth()]?.slice(0, 3) ?? ""],
  B: (date) => [months[date.getMonth()] ?? ""],
  d: (date) => [date.getDate(), 2],
  e: (date) => [date.getDate(), 2, " "],
  f: (date) => [date.getMilliseconds() * 1000, 6],
  h: (date) => [months[date.getMonth()]?.slice(0, 3) ?? ""],
  H: (date) => [date.getHours(), 2],
  I: (date) => [twelve(date), 2],
  j: (date) => [dayOfYear(date), 3],
  m: (date) => [date.getMonth() + 1, 2],
  M: (date) => [date.getMinutes(), 2],
  n: () => ["\n"],
  p: (date) => [date.getHours() < 12 ? "AM" : "PM"],
  S: (date) => [date.getSeconds(), 2],
  t: () => ["\t"],
  u: (date) => [date.getDay() || 7],
  w: (date) => [date.getDay()],
  y: (date) => [date.getFullYear() % 100, 2],
  Y: (date) => [date.getFullYear()],
  z: () => [""],
  Z: () => [""],
  "%": () => ["%"],
};
