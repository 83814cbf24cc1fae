/** Addresses of servers: those that end in /v1, as every OpenAI-compatible API's does. */

/** Without its last slash; undefined for an address that is a model folder's, or none. */
export function serverAddress(model: string): string | undefined {
  if (!URL.canParse(model)) return undefined;
  const { protocol, username, password, search, hash, pathname, origin } = new URL(model);
  const plain = username === "" && password === "" && search === "" && hash === "";
  if (!plain || !["http:", "https:"].includes(protocol) || !/\/v1\/?$/.test(pathname)) return undefined;
  return `${origin}${pathname.replace(/\/$/, "")}`;
}
