import type { TargetedPointerEvent } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { type Bin, scoreBins } from '../../drawing/bins.js';
import { redrawn, themeColors } from '../../drawing/canvas.js';
import { patch, pointed, scoredStage, status } from '../../state/store.js';
import { percent } from '../../words/units.js';

/** Scores of all patches; a bar and its patches point each other out. */
export function Histogram() {
  const box = useRef<HTMLDivElement>(null);
  const [bar, setBar] = useState(0);
  const found = scoredStage.value;
  const bins = found ? scoreBins(found) : [];
  const own = bins.findIndex(({ patches }) => patches.includes(patch.value));

  useEffect(() => {
    const element = box.current;
    if (!element || bins.length === 0) return;
    let plot: uPlot | undefined;
    const end = redrawn(element, () => {
      plot?.destroy();
      const options = plotOptions(bins, element, () => patch.peek());
      plot = new uPlot(options, plotData(bins), element);
    });
    const endFollowing = patch.subscribe(() => plot?.redraw(false));
    return () => {
      end();
      endFollowing();
      plot?.destroy();
    };
  }, [found]);

  // Only these can be pointed at.
  const filled = bins.flatMap(({ patches }, at) => (patches.length > 0 ? [at] : []));
  const point = (at: number) => {
    const bin = bins[at];
    if (!bin) return;
    setBar(at);
    pointed.value = bin.patches;
    status.value = binSentence(bin);
  };
  if (bins.length === 0) return <div class="histogram empty" />;
  // The bar that is pointed at, else that of the patch that is looked at.
  const chosen = Math.min(pointed.value.length > 0 ? bar : Math.max(own, 0), bins.length - 1);
  const current = bins[chosen];
  const pointAt = (event: TargetedPointerEvent<HTMLDivElement>) => {
    const area = event.currentTarget.querySelector('.u-over')?.getBoundingClientRect();
    if (!area) return;
    const at = nearest(
      filled,
      Math.floor(((event.clientX - area.left) / area.width) * bins.length),
    );
    if (at !== bar || pointed.value.length === 0) point(at);
  };
  return (
    <>
      <div
        class="histogram"
        ref={box}
        role="slider"
        tabIndex={0}
        aria-label="Bar of the histogram of scores"
        aria-valuemin={0}
        aria-valuemax={bins.length - 1}
        aria-valuenow={chosen}
        aria-valuetext={current && binSentence(current)}
        onKeyDown={(event) => {
          const next = barAfterKey(event.key, chosen, filled);
          if (next === undefined) return;
          event.preventDefault();
          point(next);
        }}
        onPointerDown={pointAt}
        onPointerMove={pointAt}
        onPointerLeave={({ pointerType }) => {
          // A finger leaves with every tap, which is to last.
          if (pointerType === 'mouse') pointed.value = [];
        }}
      />
      <p class="note">
        {pointed.value.length > 0 && current
          ? binSentence(current)
          : 'score of every patch, from left to right; coloured ones stay'}
      </p>
    </>
  );
}

/** The one of some bars that is nearest to a place. */
function nearest(bars: readonly number[], place: number): number {
  return bars.reduce((best, at) => (Math.abs(at - place) < Math.abs(best - place) ? at : best));
}

/** Where a key leads from one of some bars; undefined for other keys. */
function barAfterKey(key: string, from: number, bars: readonly number[]): number | undefined {
  switch (key) {
    case 'ArrowLeft':
    case 'ArrowDown':
      return bars.findLast((at) => at < from) ?? from;
    case 'ArrowRight':
    case 'ArrowUp':
      return bars.find((at) => at > from) ?? from;
    case 'Home':
      return bars[0];
    case 'End':
      return bars.at(-1);
    default:
      return undefined;
  }
}

function binSentence({ from, to, isKept, patches }: Bin): string {
  const count = patches.length === 1 ? '1 patch' : `${patches.length} patches`;
  return `${count} with a score from ${percent(from)} to ${percent(to)}, ${isKept ? 'kept' : 'dropped'}`;
}

function plotData(bins: readonly Bin[]): uPlot.AlignedData {
  const counts = (kept: boolean) =>
    bins.map(({ isKept, patches }) => (isKept === kept ? patches.length : null));
  return [bins.map((_, at) => at + 0.5), counts(false), counts(true)];
}

function plotOptions(
  bins: readonly Bin[],
  { clientWidth: width, clientHeight: height }: Element,
  lookedAt: () => number,
): uPlot.Options {
  const colors = themeColors();
  const bars = (color: string): uPlot.Series => ({
    fill: color,
    stroke: color,
    width: 0,
    points: { show: false },
    ...(uPlot.paths.bars && { paths: uPlot.paths.bars({ size: [0.78] }) }),
  });
  return {
    width,
    height,
    padding: [4, 0, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    axes: [{ show: false }, { show: false }],
    scales: {
      x: { time: false, range: [0, bins.length] },
      y: { range: (_, _min, max) => [0, max] },
    },
    series: [{}, bars(colors.cold), bars(colors.accent)],
    hooks: { draw: [(plot) => markPatch(plot, bins, lookedAt(), colors.ink)] },
  };
}

/** A line at the bar of the patch that is looked at. */
function markPatch(plot: uPlot, bins: readonly Bin[], looked: number, color: string): void {
  const own = bins.findIndex(({ patches }) => patches.includes(looked));
  if (own < 0) return;
  const x = plot.valToPos(own + 0.5, 'x', true);
  const { ctx: context, bbox } = plot;
  context.save();
  context.strokeStyle = color;
  context.lineWidth = 2 * devicePixelRatio;
  context.beginPath();
  context.moveTo(x, bbox.top);
  context.lineTo(x, bbox.top + bbox.height);
  context.stroke();
  context.restore();
}
