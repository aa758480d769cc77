import { TransPruneError } from '../errors.js';

/**
 * Keep ratios for the prunes of a decoder.
 *
 * @param stages how many prunes there are; undefined if nobody knows
 * @throws TransPruneError INVALID_ARGUMENT for other numbers than one in (0, 1] for each prune
 */
export function checkKeepRatios(
  ratios: readonly number[],
  stages: number | undefined,
): readonly number[] {
  if (stages !== undefined && ratios.length !== stages) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `keepRatios must be ${stages} numbers, one for each prune of this decoder, got ${ratios.length}`,
      { field: 'keepRatios', stages, got: ratios.length },
    );
  }
  for (const ratio of ratios) {
    if (!(ratio > 0 && ratio <= 1)) {
      throw new TransPruneError(
        'INVALID_ARGUMENT',
        `keepRatios must be above 0 and at most 1, got ${ratio}`,
        { field: 'keepRatios', got: ratio },
      );
    }
  }
  return ratios;
}
