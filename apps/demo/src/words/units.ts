/** Numbers as the page writes them. */

export const milliseconds = (ms: number) =>
  ms < 100 ? `${ms.toFixed(1)} ms` : `${Math.round(ms).toLocaleString('en')} ms`;

export const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

export const percent = (share: number, digits = 2) => `${(100 * share).toFixed(digits)} %`;

/** Multiply-adds. */
export const operations = (count: number) =>
  count < 1e9 ? `${Math.round(count / 1e6)} M` : `${(count / 1e9).toFixed(2)} G`;

export const times = (ratio: number) => `${ratio.toFixed(ratio < 10 ? 2 : 1)} x`;
