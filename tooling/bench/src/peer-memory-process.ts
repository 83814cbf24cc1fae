/** The process whose memory `peer-families` measures: loads one contender, reads a prompt, writes tokens; peak bytes on stdout. */
import { ours, theirs } from "./contenders.js";
import { peakBytes } from "./peak-bytes.js";

const [whose, path = "", dtype] = process.argv.slice(2);
const contender = await (whose === "ours" ? ours(path, dtype as "q4" | "q8") : theirs(path, true));
await contender.prefill(512);
await contender.decode(512, 8);
process.stdout.write(String(peakBytes()));
await contender.close();
