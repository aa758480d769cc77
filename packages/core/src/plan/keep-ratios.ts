import { TransPruneError } from '../errors.js';
import { counted } from '../words.js';

/**
 * Keep ratios for the prunes of a decoder.
 *
 * @param stages how many prunes there are; undefined if nobody knows
 * @throws TransPruneError INVALID_ARGUMENT for other numbers than one in (0, 1] for each prune, none above that before
 */
export function checkKeepRatios(
  ratios: readonly number[],
  stages: number | undefined,
): readonly number[] {
  if (!Array.isArray(ratios) || (stages !== undefined && ratios.length !== stages)) {
    const got = Array.isArray(ratios) ? ratios.length : `${ratios}`;
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `keepRatios must be ${stages === undefined ? 'a list of numbers' : counted(stages, 'number')}, one for each prune of this decoder, got ${got}`,
      { field: 'keepRatios', stages, got },
    );
  }
  for (const [at, ratio] of ratios.entries()) {
    if (!(ratio > 0 && ratio <= 1)) {
      throw new TransPruneError(
        'INVALID_ARGUMENT',
        `keepRatios must be above 0 and at most 1, got ${ratio}`,
        { field: 'keepRatios', got: ratio },
      );
    }
    const before = ratios[at - 1] ?? 1;
    if (ratio > before) {
      throw new TransPruneError(
        'INVALID_ARGUMENT',
        `keepRatios must not rise from prune to prune (each is relative to the original image tokens), got ${ratio} after ${before}`,
        { field: 'keepRatios', got: ratio },
      );
    }
  }
  return ratios;
}
