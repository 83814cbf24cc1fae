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
    place.current?.replaceChildren(drawing);
    return () => drawing.remove();
  }, [options]);
  return <div ref={place} className="plot" role="img" aria-label={label} />;
}
