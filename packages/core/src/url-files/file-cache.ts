/** What a cache of downloaded files must do. Node has none; `browserCache` is the browser's Cache Storage. */

/** A part's size: small enough to lose, large enough that a model has few. */
export const partBytes = 4 * 2 ** 20;

/** What a cache knows of a file. */
export interface KeptFile {
  readonly version: string;
  /** Undefined until all of it is there. */
  readonly size: number | undefined;
  /** The server had no such file. */
  readonly absent: boolean;
}

/** One file that is kept. */
export interface KeptAddress {
  readonly address: string;
  /** That it takes; parts that other files have, too, count for each. */
  readonly bytes: number;
}

/** Files by address and version, in parts of `partBytes`. */
export interface FileCache {
  /** What is kept of the file, in whatever version. */
  find(address: string): Promise<KeptFile | undefined>;
  storeAbsence(address: string): Promise<void>;
  /** The parts that are there of this version, from the first one on, one after the other. */
  parts(address: string, version: string): AsyncIterable<Uint8Array>;
  /** Bytes [start, end) of a file that is there whole. */
  read(address: string, version: string, start: number, end: number): Promise<Uint8Array | undefined>;
  /** Parts come in order; the first one of another version takes the place of what was there. False where it was not stored. */
  storePart(address: string, version: string, index: number, bytes: Uint8Array): Promise<boolean>;
  storeEnd(address: string, version: string, size: number): Promise<void>;
  /** All that is kept, whole or not. */
  addresses(): Promise<readonly KeptAddress[]>;
  remove(address: string): Promise<void>;
}
