/** Where a model's files are in the web: below one address, or each at one of its own. */
import { describeValue } from "../describe-value.js";
import { DynamoError } from "../errors.js";
import { checkInside } from "../model-files.js";
import { checkValue, plainObject, someText, either } from "../value-checks.js";

/** A folder's address; or each file's by its path in the folder, as a bundler names them. */
export type FileSource = string | Readonly<Record<string, string>>;

export interface FileAddresses {
  /** For messages. */
  readonly location: string;
  /** Undefined when it is known that there is no such file. */
  readonly of: (path: string) => string | undefined;
}

const sourceCheck = either(someText, plainObject);

/** Addresses are relative to that of the page, where there is one. */
export function fileAddresses(source: FileSource, page: string | undefined): FileAddresses {
  checkValue("source", source, sourceCheck);
  return typeof source === "string" ? below(source, page) : listed(source, page);
}

function below(folder: string, page: string | undefined): FileAddresses {
  const base = new URL(absolute("source", folder.endsWith("/") ? folder : `${folder}/`, page));
  return {
    location: base.href,
    of(path) {
      checkInside(path);
      return new URL(path.split("/").map(encodeURIComponent).join("/"), base).href;
    },
  };
}

function listed(files: Readonly<Record<string, string>>, page: string | undefined): FileAddresses {
  const addresses = new Map(
    Object.entries(files).map(([path, address]) => {
      checkInside(path);
      return [path, absolute(path, address, page)] as const;
    }),
  );
  return { location: `the list of ${addresses.size} files`, of: (path) => addresses.get(path) };
}

function absolute(what: string, address: string, page: string | undefined): string {
  try {
    return new URL(address, page).href;
  } catch (cause) {
    const expected = page === undefined ? "an absolute address, such as https://example.org/model/" : "an address";
    throw new DynamoError("invalid-argument", `${what}: expected ${expected}, received ${describeValue(address)}`, {
      cause,
    });
  }
}

/** Browsers keep nothing else; bundlers put small files into the code, as `data:` addresses. */
export const isKeptByBrowsers = (address: string): boolean => /^https?:/.test(address);
