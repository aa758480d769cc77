/** Numbers as the page writes them; no line ends between a number and its unit. */

const noBreak = '\u00a0';

export const milliseconds = (ms: number) =>
  ms < 100 ? `${ms.toFixed(1)}${noBreak}ms` : `${Math.round(ms).toLocaleString('en')}${noBreak}ms`;

export const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)}${noBreak}MB`;

export const percent = (share: number, digits = 2) => `${(100 * share).toFixed(digits)}${noBreak}%`;

/** Multiply-adds. */
export const operations = (count: number) =>
  count < 1e9 ? `${Math.round(count / 1e6)}${noBreak}M` : `${(count / 1e9).toFixed(2)}${noBreak}G`;

export const times = (ratio: number) => `${ratio.toFixed(ratio < 10 ? 2 : 1)}${noBreak}x`;
