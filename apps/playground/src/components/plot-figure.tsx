/** A figure drawn by Observable Plot. */
import { plot, type PlotOptions } from "@observablehq/plot";
import { useEffect, useRef } from "react";

export interface PlotFigureProps {
  readonly options: PlotOptions;
  /** What the figure shows, for those who do not see it. */
  readonly label: string;
}

export function PlotFigure({ options, label }: PlotFigureProps): React.JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const drawing = plot(options);
    // Plot names its groups, which have no role that may have a name; the figure as a whole has one.
    for (const group of drawing.querySelectorAll("g[aria-label]")) group.removeAttribute("aria-label");
    place.current?.replaceChildren(drawing);
    return () => drawing.remove();
  }, [options]);
  return <div ref={place} className="plot" role="img" aria-label={label} />;
}
