/** Numbers as people read them. */

const scales = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const;

/** With a decimal prefix, such as `3.82 T`. */
export function scaled(value: number, unit = ''): string {
  const [size, prefix] = scales.find(([least]) => Math.abs(value) >= least) ?? [1, ''];
  const digits = size === 1 && Number.isInteger(value) ? 0 : 2;
  return `${(value / size).toFixed(digits)} ${prefix}${unit}`.trimEnd();
}

export const bytes = (count: number): string => scaled(count, 'B');

export const milliseconds = (value: number): string =>
  value >= 100 ? `${value.toFixed(0)} ms` : `${value.toFixed(1)} ms`;

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

export const times = (factor: number): string => `${factor.toFixed(2)}x`;

/** What came of a value, such as `-59.2 %`. */
export function change(before: number, after: number): string {
  if (before === 0 || before === after) return '';
  const share = (100 * (after - before)) / before;
  return `${share > 0 ? '+' : ''}${share.toFixed(1)} %`;
}

/** Numbers layer by layer, runs of equal ones written once: `576 x7, 504 x2, 72 x20`. */
export function runs(values: readonly number[]): string {
  const grouped: { value: number; count: number }[] = [];
  for (const value of values) {
    const last = grouped.at(-1);
    if (last?.value === value) last.count++;
    else grouped.push({ value, count: 1 });
  }
  return grouped.map(({ value, count }) => `${value} x${count}`).join(', ');
}

/** Layer numbers, such as `7-12` or `3, 7-9`. */
export function layerRanges(layers: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const layer of layers) {
    const last = ranges.at(-1);
    if (last && layer === last[1] + 1) last[1] = layer;
    else ranges.push([layer, layer]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
}
