/** A content's hash as the hub knows it, while the bytes pass: a browser's own hashes want all of them at once. */
import { sha1 } from "@noble/hashes/legacy.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { HubFile } from "../listing.js";

export interface StreamHash {
  update(bytes: Uint8Array): void;
  /** In hexadecimal; the last call. */
  digest(): string;
}

export function streamHash({ hash: { kind }, size }: HubFile): StreamHash {
  const hash = kind === "sha256" ? sha256.create() : sha1.create();
  // Git hashes the kind and the length before the content.
  if (kind === "git-blob") hash.update(utf8ToBytes(`blob ${size}\0`));
  return {
    update: (bytes) => void hash.update(bytes),
    digest: () => bytesToHex(hash.digest()),
  };
}
