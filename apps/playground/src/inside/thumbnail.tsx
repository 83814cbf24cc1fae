/** A stage's heat map in small: one pixel a square, on the common scale. */
import { useEffect, useRef } from "react";
import type { Square } from "./heat-map.js";
import { colourOf } from "./scale.js";

export interface ThumbnailProps {
  readonly squares: readonly Square[];
  readonly size: number;
  readonly dark: boolean;
}

export function Thumbnail({ squares, size, dark }: ThumbnailProps): React.JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (context === null || context === undefined) return;
    context.clearRect(0, 0, size, size);
    for (const { first, second, value } of squares) {
      context.fillStyle = colourOf(value, dark);
      context.fillRect(second, first, 1, 1);
    }
  }, [squares, size, dark]);
  return <canvas ref={canvas} width={size} height={size} aria-hidden />;
}
