import * as Plot from '@observablehq/plot';
import type { Trace } from '@transprune/trace';
import { colors, draw, type Figure } from './figure.js';

/** Pixels of a picture's longer side. */
const longSide = 220;

/** The picture once for all patches and once for each prune, what is dropped faded. */
export function keptPatches({ picture, grid, stages, question, pruned }: Trace): Figure {
  const scale = longSide / Math.max(picture.width, picture.height);
  const [width, height] = [picture.width * scale, picture.height * scale];
  const count = grid.columns * grid.rows;
  const all = Array.from({ length: count }, (_, at) => at);
  const views = [
    { title: `all ${count}`, kept: all },
    ...stages.map(({ afterLayer, kept }) => ({
      title: `after layer ${afterLayer}: ${kept.length}`,
      kept,
    })),
  ];
  const dropped = views.flatMap(({ title, kept }) => {
    const left = new Set(kept);
    return all.flatMap((at) => {
      const [column, row] = [at % grid.columns, Math.floor(at / grid.columns)];
      return left.has(at) ? [] : [{ title, column, row }];
    });
  });
  const margins = { marginLeft: 8, marginRight: 8, marginTop: 32, marginBottom: 8 };
  const svg = draw({
    ...margins,
    width: views.length * (width + 16) + 16,
    height: height + margins.marginTop + margins.marginBottom,
    fx: {
      axis: 'top',
      domain: views.map(({ title }) => title),
      label: null,
      padding: 16 / (width + 16),
    },
    x: { domain: [0, grid.columns], axis: null },
    y: { domain: [grid.rows, 0], axis: null },
    marks: [
      Plot.image(views, {
        fx: 'title',
        src: () => picture.url,
        x: grid.columns / 2,
        y: grid.rows / 2,
        width,
        height,
        preserveAspectRatio: 'none',
        imageRendering: 'pixelated',
      }),
      Plot.rect(dropped, {
        fx: 'title',
        x1: 'column',
        x2: ({ column }) => column + 1,
        y1: 'row',
        y2: ({ row }) => row + 1,
        fill: colors.paper,
        fillOpacity: 0.85,
        inset: -0.25,
      }),
    ],
  });
  return {
    name: 'kept-patches',
    title: 'What each prune keeps',
    caption: `"${question}" Answer: ${pruned.text}. What is dropped is faded.`,
    svg,
  };
}
