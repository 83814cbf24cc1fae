/** Colours, only on a terminal, or where FORCE_COLOR asks for them; never where NO_COLOR forbids them. */
import { isatty } from "node:tty";
import picocolors from "picocolors";

const { NO_COLOR: forbidden, FORCE_COLOR: forced } = process.env;
const wanted = forced !== undefined && forced !== "" && forced !== "0";

type Paint = ReturnType<typeof picocolors.createColors>;

/** picocolors' own rule colours logs of CI machines too. */
const colours = (terminal: boolean): Paint => picocolors.createColors((forbidden ?? "") === "" && (wanted || terminal));

/** For standard output. */
export const paint: Paint = colours(isatty(1));
/** For standard error. */
export const paintError: Paint = colours(isatty(2));
