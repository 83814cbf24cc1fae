/** Other ways to write a request's target, as somebody does who wants to come past a rule about paths. */

const hex = (character: string): string => `%${character.charCodeAt(0).toString(16).padStart(2, "0")}`;

/** Those that a router is to read as the path itself: escapes of each character but the first slash, and the absolute forms. */
export function equalSpellings(path: string): string[] {
  const escapes = Array.from(path).flatMap((character, i) => {
    if (i === 0 || character === "/") return [];
    return [path.slice(0, i) + hex(character) + path.slice(i + 1)];
  });
  const whole = path.replaceAll(/[^/]/g, hex);
  const hosts = ["http://x", "https://x", "http://x:80"];
  return [path, ...escapes, whole, whole.toUpperCase(), ...hosts.flatMap((host) => [host + path, host + whole])];
}

/** Those that may be another path, or none. */
export function otherSpellings(path: string): string[] {
  const slashes = Array.from(path).flatMap((character, i) => (character === "/" ? [i] : []));
  const atSlash = (text: string): string[] => slashes.map((i) => path.slice(0, i) + text + path.slice(i + 1));
  return [
    ...["//", "/./", "/x/../", "/%2e/", "/x/%2e%2e/", "%2f", "%2F", "\\", "%5c", "/%09", "/%00", "/;a=b/"].flatMap(
      atSlash,
    ),
    ...[
      "/",
      "//",
      "/.",
      "/..",
      "/x/..",
      ";",
      ";.js",
      ".json",
      "%20",
      "%00",
      "#",
      "#/healthz",
      "?",
      "?x=/healthz",
      "%3f",
      "%23",
    ].map((end) => path + end),
    ...["/healthz", "/metrics", "/openapi.json", "/"].flatMap((open) => [
      `${open}/..${path}`,
      `${open}/%2e%2e${path}`,
      `${open}?${path}`,
    ]),
    ...[path.toUpperCase(), path.replace(/[a-z]/, (letter) => letter.toUpperCase())],
    ...[
      path.slice(1),
      `http:${path}`,
      `http:/${path}`,
      `//x${path}`,
      `HTTP://X${path}`,
      `ftp://x${path}`,
      `http://user@x${path}`,
      `http://x?${path}`,
    ],
    ...Array.from(path).map(
      (character, i) => path.slice(0, i) + hex(character).replace("%", "%25") + path.slice(i + 1),
    ),
  ];
}
