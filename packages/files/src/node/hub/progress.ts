/** How far a download is, and how long it takes. */

export interface DownloadProgress {
  /** Path in the repository. */
  readonly file: string;
  /** Bytes that are there, those of earlier tries too. */
  readonly loaded: number;
  /** Bytes in all, if the server tells. */
  readonly total?: number;
  /** Of this transfer so far; undefined while there is nothing to tell it from. */
  readonly bytesPerSecond?: number;
  /** At that rate; undefined without a rate or a total. */
  readonly secondsLeft?: number;
}

/** The rate counts bytes of about so long, in milliseconds: old ones say little about the rest. */
const rateWindowMs = 10_000;

/**
 * Makes progress out of bytes that are there.
 *
 * @param now the time in milliseconds, for tests
 */
export function progressOf(
  file: string,
  now: () => number = () => performance.now(),
): (loaded: number, total: number | undefined) => DownloadProgress {
  let samples: { readonly at: number; readonly loaded: number }[] = [];
  return (loaded, total) => {
    const at = now();
    // Started anew, or gone on with what was there.
    if (loaded < (samples.at(-1)?.loaded ?? 0)) samples = [];
    const recent = samples.findLastIndex((sample) => at - sample.at >= rateWindowMs);
    samples = samples.slice(Math.max(0, recent));
    const first = samples[0];
    // Thousands of chunks come in the window; a few samples of them do.
    if (at - (samples.at(-1)?.at ?? Number.NEGATIVE_INFINITY) >= rateWindowMs / 100) {
      samples.push({ at, loaded });
    }
    const rate = first && at > first.at ? ((loaded - first.loaded) / (at - first.at)) * 1000 : 0;
    return {
      file,
      loaded,
      ...(total !== undefined && { total }),
      ...(rate > 0 && { bytesPerSecond: rate }),
      ...(rate > 0 && total !== undefined && { secondsLeft: Math.max(0, total - loaded) / rate }),
    };
  };
}
