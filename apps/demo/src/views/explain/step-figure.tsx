import type { Trace } from '@transprune/trace';
import { useEffect, useRef, useState } from 'preact/hooks';
import { redrawn } from '../../drawing/canvas.js';
import { fade } from '../../drawing/fade.js';
import { drawPicture } from '../../drawing/picture.js';

interface Figure {
  /** What a screen reader says of it. */
  readonly label: string;
  /** Patches in full colour; all if left out. */
  readonly kept?: readonly number[];
  /** A number for each of some patches, that colours it. */
  readonly heat?: ReadonlyMap<number, number>;
  readonly hasLines?: boolean;
}

/** The picture of a trace with its patches. */
export function StepFigure(props: Figure & { readonly trace: Trace }) {
  const { trace, label, kept, heat, hasLines = false } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const image = useImage(trace.picture.url);
  const { columns, rows } = trace.grid;
  const faded = useRef(new Float32Array(columns * rows));
  useEffect(() => {
    const element = canvas.current;
    if (!element || !image) return;
    const all = Array.from({ length: columns * rows }, (_, index) => index);
    const staying = new Set(kept ?? all);
    const draw = () =>
      drawPicture(element, {
        image,
        grid: trace.grid,
        faded: faded.current,
        kept: staying,
        patch: undefined,
        pointed: [],
        heat: heat && shares(heat),
        hasLines,
      });
    const endFading = fade(faded.current, (index) => (staying.has(index) ? 0 : 1), draw);
    const endDrawing = redrawn(element, draw);
    return () => {
      endFading();
      endDrawing();
    };
  }, [image, kept, heat, trace]);
  return (
    <canvas
      class="step-figure"
      ref={canvas}
      role="img"
      aria-label={label}
      aria-busy={image === undefined}
    />
  );
}

/** Numbers between the least and the largest as shares from 0 to 1. */
function shares(values: ReadonlyMap<number, number>): ReadonlyMap<number, number> {
  const least = Math.min(...values.values());
  const largest = Math.max(...values.values());
  const share = (value: number) => (value - least) / Math.max(largest - least, 1e-12);
  return new Map([...values].map(([patch, value]) => [patch, share(value)]));
}

function useImage(url: string): HTMLImageElement | undefined {
  const [image, setImage] = useState<HTMLImageElement>();
  useEffect(() => {
    const loading = new Image();
    loading.onload = () => setImage(loading);
    loading.src = url;
  }, [url]);
  return image;
}
