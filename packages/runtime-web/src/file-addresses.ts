/** Where a model's files are in the web: below one address, or each at one of its own. */
import { checkInside, DynamoError } from "@dynamo/core";

/** A folder's address; or each file's by its path in the folder, as a bundler names them. */
export type FileSource = string | Readonly<Record<string, string>>;

export interface FileAddresses {
  /** For messages. */
  readonly location: string;
  /** Undefined when it is known that there is no such file. */
  readonly of: (path: string) => string | undefined;
}

export function fileAddresses(source: FileSource, page: string): FileAddresses {
  return typeof source === "string" ? below(source, page) : listed(source, page);
}

function below(folder: string, page: string): FileAddresses {
  const base = new URL(folder.endsWith("/") ? folder : `${folder}/`, page);
  return {
    location: base.href,
    of(path) {
      checkInside(path);
      return new URL(path.split("/").map(encodeURIComponent).join("/"), base).href;
    },
  };
}

function listed(files: Readonly<Record<string, string>>, page: string): FileAddresses {
  const addresses = new Map(
    Object.entries(files).map(([path, address]) => {
      checkInside(path);
      return [path, absolute(path, address, page)] as const;
    }),
  );
  return { location: `the list of ${addresses.size} files`, of: (path) => addresses.get(path) };
}

function absolute(path: string, address: string, page: string): string {
  try {
    return new URL(address, page).href;
  } catch (cause) {
    throw new DynamoError("invalid-argument", `${path}: expected the file's address, received ${address}`, {
      cause,
    });
  }
}

/** Browsers keep nothing else; bundlers put small files into the code, as `data:` addresses. */
export const isKeptByBrowsers = (address: string): boolean => /^https?:/.test(address);
