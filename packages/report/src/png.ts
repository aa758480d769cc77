import { createRequire } from 'node:module';
import { Resvg } from '@resvg/resvg-js';

const font = createRequire(import.meta.url).resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf');

/** A figure's SVG as a PNG, with the font that comes along: the same on every machine. */
export function svgToPng(svg: string, { scale = 2 } = {}): Uint8Array {
  const fonts = { fontFiles: [font], loadSystemFonts: false, defaultFontFamily: 'DejaVu Sans' };
  const zoom = { mode: 'zoom', value: scale } as const;
  return new Resvg(svg, { font: fonts, fitTo: zoom }).render().asPng();
}
