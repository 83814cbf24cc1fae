/** All kinds of token heads. */
import { decoder } from "./decoder.js";
import type { HeadKind, HeadKindName } from "./head-kind.js";
import { medusa } from "./medusa.js";
import { deepseekMtp, mtp } from "./mtp.js";

export const headKinds: Readonly<Record<HeadKindName, HeadKind>> = {
  decoder,
  medusa,
  mtp,
  "deepseek-mtp": deepseekMtp,
};
