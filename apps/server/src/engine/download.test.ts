/** How often a download is told of. */
import { expect, test } from 'vitest';
import { type DownloadNotice, downloadNotices } from './download.js';

test('each file as it begins, then from time to time, and every try that failed', () => {
  const told: DownloadNotice[] = [];
  let ms = 0;
  const { onProgress, onRetry } = downloadNotices(
    (notice) => told.push(notice),
    () => ms,
  );
  onProgress({ file: 'a', loaded: 1, total: 1 });
  for (const at of [0, 1000, 4000, 7000, 8000]) {
    ms = at;
    onProgress({ file: 'b', loaded: at, total: 9000, bytesPerSecond: 1000.4, secondsLeft: 1.6 });
  }
  onRetry({ file: 'b', reason: 'it broke', delayMs: 1000 });
  const rates = { bytesPerSecond: 1000, secondsLeft: 2 };
  expect(told).toEqual([
    { type: 'fetching', file: 'a', loaded: 1, total: 1 },
    { type: 'fetching', file: 'b', loaded: 0, total: 9000, ...rates },
    { type: 'fetching', file: 'b', loaded: 7000, total: 9000, ...rates },
    { type: 'retry', file: 'b', reason: 'it broke', delayMs: 1000 },
  ]);
});
