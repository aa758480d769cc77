/** Plots as SVG text, without a browser. */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';

/** A figure: an SVG that stands alone, and what it shows. */
export interface Figure {
  /** Short and unique, such as `kept-patches`. */
  readonly name: string;
  readonly title: string;
  readonly caption: string;
  readonly svg: string;
}

/** Colours that mean the same in every figure. */
export const colors = {
  /** What is kept. */
  kept: '#0f766e',
  /** What is dropped. */
  dropped: '#b8bcc4',
  paper: '#ffffff',
} as const;

/** Draws a plot as an SVG that stands alone. */
export function draw(options: Plot.PlotOptions): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const style = { background: colors.paper, fontFamily: 'DejaVu Sans, system-ui, sans-serif' };
  const plot = Plot.plot({ ...options, style: { ...style, fontSize: '12px' }, document });
  plot.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  return plot.outerHTML;
}
