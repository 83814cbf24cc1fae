/** A figure drawn by Observable Plot, as wide as its place, so that its letters stay legible on a phone. */
import { useElementSize } from "@mantine/hooks";
import { plot, type PlotOptions } from "@observablehq/plot";
import { useEffect, useRef } from "react";

export interface PlotFigureProps {
  readonly draw: (width: number) => PlotOptions;
  /** What the figure shows, for those who do not see it. */
  readonly label: string;
}

export function PlotFigure({ draw, label }: PlotFigureProps): React.JSX.Element {
  const { ref, width } = useElementSize<HTMLDivElement>();
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (width === 0) return;
    const drawing = plot(draw(width));
    // Plot names its groups, which have no role that may have a name; the figure as a whole has one.
    for (const group of drawing.querySelectorAll("g[aria-label]")) group.removeAttribute("aria-label");
    place.current?.replaceChildren(drawing);
    return () => drawing.remove();
  }, [draw, width]);
  return (
    <div ref={ref}>
      <div ref={place} className="plot" role="img" aria-label={label} />
    </div>
  );
}
