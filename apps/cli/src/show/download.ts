/** A download as it goes on. */
import type { DownloadProgress, RetryNotice } from '@transprune/files/node';
import type { Terminal } from '../terminal.js';
import { duration } from './time-left.js';
import { bytes } from './units.js';

/** Tells of a model that is fetched; nothing where all of it is here already. */
export function createDownloadReport(id: string, revision: string, terminal: Terminal) {
  let isBegun = false;
  return {
    progress(step: DownloadProgress): void {
      if (!isBegun) terminal.info(`fetching ${id} at ${revision}`);
      isBegun = true;
      terminal.progress(progressLine(step));
    },
    retry({ file, reason, delayMs }: RetryNotice & { readonly file: string }): void {
      terminal.info(`${file}: ${reason}; trying again in ${duration(delayMs)}`);
    },
    end(): void {
      terminal.progress('');
      if (isBegun) terminal.info(`fetched ${id}`);
    },
  };
}

/** A line such as `onnx/embed_tokens.onnx: 12.00 MB of 48.00 MB, 4.00 MB/s, 9 s left`. */
export function progressLine(step: DownloadProgress): string {
  const { file, loaded, total, bytesPerSecond, secondsLeft } = step;
  const parts = [
    `${file}: ${bytes(loaded)}${total === undefined ? '' : ` of ${bytes(total)}`}`,
    ...(bytesPerSecond === undefined ? [] : [`${bytes(bytesPerSecond)}/s`]),
    ...(secondsLeft === undefined ? [] : [`${duration(1000 * secondsLeft)} left`]),
  ];
  return parts.join(', ');
}
