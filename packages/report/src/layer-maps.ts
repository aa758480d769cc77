import * as Plot from '@observablehq/plot';
import type { LayerMaps, ModuleMaps, Trace } from '@transprune/trace';
import { rgb } from 'd3-color';
import { interpolateViridis } from 'd3-scale-chromatic';
import { encode } from 'fast-png';
import { draw, type Figure } from './figure.js';

/** Maps beside each other. */
const columns = 8;
/** Pixels of a map's longer side. */
const longSide = 96;

const measures: Readonly<Record<keyof ModuleMaps, string>> = {
  magnitude: 'length of what is written over length of what is read',
  direction: '1 - cosine between what is read and what is written',
};

/**
 * What each layer does to each patch: magnitude and direction of attention and FFN, one figure each, on one
 * scale over all layers. The figures 1 and 2 of TransPrune's supplement (arXiv 2507.20630).
 */
export function layerMaps(trace: Trace): Figure[] {
  if (trace.layers.length === 0) return [];
  return (['attention', 'ffn'] as const).flatMap((module) =>
    (['magnitude', 'direction'] as const).map((measure) => ({
      name: `${module}-${measure}`,
      title: `${module === 'ffn' ? 'FFN' : 'Attention'}: ${measure}`,
      caption: `Of each patch, layer by layer: ${measures[measure]}. Dark is little, bright is much.`,
      svg: maps(trace, (layer) => layer[module][measure]),
    })),
  );
}

function maps(
  { grid, layers, picture }: Trace,
  valuesOf: (layer: LayerMaps) => readonly number[],
): string {
  const all = layers.flatMap((layer) => [...valuesOf(layer)]);
  const range: Range = [Math.min(...all), Math.max(...all)];
  const scale = longSide / Math.max(picture.width, picture.height);
  const [width, height] = [picture.width * scale, picture.height * scale];
  const places = layers.map((layer, at) => ({
    column: at % columns,
    row: Math.floor(at / columns),
    title: `layer ${layer.layer}`,
    src: heatMap(valuesOf(layer), grid.columns, range),
  }));
  const rows = Math.ceil(layers.length / columns);
  const across = Math.min(columns, layers.length);
  const [stepX, stepY] = [width + 10, height + 24];
  const legend = { y: rows * stepY + 16, width: 220 };
  const size = { width: Math.max(legend.width + 20, across * stepX + 10), height: legend.y + 44 };
  // Places are in pixels.
  const pixels = (most: number) => ({ domain: [0, most], range: [0, most], axis: null });
  return draw({
    ...size,
    margin: 0,
    x: pixels(size.width),
    y: pixels(size.height),
    marks: [
      Plot.image(places, {
        x: ({ column }) => 10 + column * stepX + width / 2,
        y: ({ row }) => row * stepY + 22 + height / 2,
        width,
        height,
        src: 'src',
        preserveAspectRatio: 'none',
        imageRendering: 'pixelated',
      }),
      Plot.text(places, {
        x: ({ column }) => 10 + column * stepX,
        y: ({ row }) => row * stepY + 14,
        text: 'title',
        textAnchor: 'start',
      }),
      Plot.image([0], {
        x: 10 + legend.width / 2,
        y: legend.y + 6,
        width: legend.width,
        height: 12,
        src: () =>
          heatMap(
            Array.from({ length: 128 }, (_, at) => at),
            128,
            [0, 127],
          ),
        preserveAspectRatio: 'none',
      }),
      ...range.map((value, at) =>
        Plot.text([value.toPrecision(3)], {
          x: 10 + at * legend.width,
          y: legend.y + 26,
          textAnchor: at === 0 ? 'start' : 'end',
        }),
      ),
    ],
  });
}

type Range = readonly [least: number, most: number];

/** Pixels of a patch's side: viewers smooth what they enlarge. */
const patchSide = 8;

/** Values row by row in colours, as a PNG in a `data:` URL. */
function heatMap(values: readonly number[], columns: number, [least, most]: Range): string {
  const span = most - least || 1;
  const shades = values.map((value) => rgb(interpolateViridis((value - least) / span)));
  const [width, height] = [columns * patchSide, (values.length / columns) * patchSide];
  const data = new Uint8Array(width * height * 3);
  for (let at = 0; at < width * height; at++) {
    const row = Math.floor(at / width / patchSide);
    const column = Math.floor((at % width) / patchSide);
    const { r, g, b } = shades[row * columns + column] ?? { r: 0, g: 0, b: 0 };
    data.set([r, g, b], 3 * at);
  }
  const png = encode({ data, width, height, channels: 3, depth: 8 });
  return `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
}
