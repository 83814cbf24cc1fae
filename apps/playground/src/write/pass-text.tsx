/** The written text: each pass's tokens in one box, coloured by how many there were. */
import { memo, useState, type KeyboardEvent } from "react";
import type { Pass } from "../passes/pass.js";

export interface PassTextProps {
  readonly prompt: string;
  readonly passes: readonly Pass[];
  readonly active?: number | undefined;
  /** Absent: the boxes only show. */
  readonly onActivate?: ((index: number) => void) | undefined;
  readonly label: string;
}

export function PassText({ prompt, passes, active, onActivate, label }: PassTextProps): React.JSX.Element {
  const [focusable, setFocusable] = useState(0);
  // The boxes are one stop of the Tab key: arrow keys walk them.
  const move = (event: KeyboardEvent<HTMLElement>): void => {
    const steps: Readonly<Record<string, number>> = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    const to =
      event.key === "Home" ? 0 : event.key === "End" ? passes.length - 1 : focusable + (steps[event.key] ?? NaN);
    if (Number.isNaN(to)) return;
    event.preventDefault();
    event.currentTarget
      .querySelector<HTMLElement>(`[data-pass="${Math.max(0, Math.min(passes.length - 1, to))}"]`)
      ?.focus();
  };
  return (
    <div className="pass-text" role="group" aria-label={label} onKeyDown={onActivate === undefined ? undefined : move}>
      <span className="pass-prompt">{prompt}</span>
      {passes.map((pass) => (
        <PassBox
          key={pass.index}
          pass={pass}
          active={pass.index === active}
          focusable={pass.index === focusable}
          onActivate={onActivate}
          onFocus={setFocusable}
        />
      ))}
    </div>
  );
}

interface PassBoxProps {
  readonly pass: Pass;
  readonly active: boolean;
  readonly focusable: boolean;
  readonly onActivate: ((index: number) => void) | undefined;
  readonly onFocus: (index: number) => void;
}

const PassBox = memo(function PassBox({ pass, active, focusable, onActivate, onFocus }: PassBoxProps) {
  const { index, text, tokens } = pass;
  const className = `pass-box order-${Math.min(4, tokens.length)}${active ? " active" : ""}`;
  const { before, core, after } = withoutBlanks(text);
  const content = (
    <>
      {before}
      <span className={className} data-blank={core === "" ? blankMark(text) : undefined}>
        {core}
      </span>
      {after}
    </>
  );
  if (onActivate === undefined) return content;
  return (
    <span
      role="button"
      tabIndex={focusable ? 0 : -1}
      className="pass"
      data-pass={index}
      aria-pressed={active}
      aria-description={`pass ${index + 1}, ${tokens.length} of its tokens`}
      onMouseEnter={() => onActivate(index)}
      onClick={() => onActivate(index)}
      onFocus={() => {
        onFocus(index);
        onActivate(index);
      }}
    >
      {content}
    </span>
  );
});

/** Blanks stand outside the box: a line that breaks at one would leave an empty piece of it behind. */
function withoutBlanks(text: string): { before: string; core: string; after: string } {
  const core = text.trim();
  const start = core === "" ? 0 : text.indexOf(core);
  return { before: text.slice(0, start), core, after: text.slice(start + core.length) };
}

/** What is drawn in the box of a pass that gave nothing to see. */
const blankMark = (text: string): string => (text.includes("\n") ? "⏎" : text === "" ? "∅" : "␣");
