/** What an engine that fetches its model tells the server, which logs it. */
import type { DownloadOptions, DownloadProgress } from '@transprune/files/node';

/** How far a download is, or why a part of it is tried again. Plain data. */
export interface DownloadNotice {
  readonly type: 'fetching' | 'retry';
  readonly file: string;
  readonly [detail: string]: unknown;
}

/** Milliseconds between two notices of one file. */
const noticeMs = 5000;

/**
 * What goes with a download, for it to be told: each file as it begins, and from time to time how far it is.
 *
 * @param now the time in milliseconds, for tests
 */
export function downloadNotices(
  tell: (notice: DownloadNotice) => void,
  now: () => number = () => performance.now(),
): Required<Pick<DownloadOptions, 'onProgress' | 'onRetry'>> {
  let last = { file: '', at: 0 };
  return {
    onProgress(progress) {
      const { file } = progress;
      if (file === last.file && now() - last.at < noticeMs) return;
      last = { file, at: now() };
      tell({ type: 'fetching', ...rounded(progress) });
    },
    onRetry: (notice) => tell({ type: 'retry', ...notice }),
  };
}

function rounded({ bytesPerSecond, secondsLeft, ...progress }: DownloadProgress): DownloadProgress {
  return {
    ...progress,
    ...(bytesPerSecond !== undefined && { bytesPerSecond: Math.round(bytesPerSecond) }),
    ...(secondsLeft !== undefined && { secondsLeft: Math.round(secondsLeft) }),
  };
}
