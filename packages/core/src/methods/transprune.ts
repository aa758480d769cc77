/**
 * TransPrune: token transition plus instruction-guided attention, both scaled to sum 1 over the
 * image tokens that are left.
 *
 * Source: TransPrune (CVPR 2026, arXiv 2507.20630), formula 5 at alpha = 0.5, in the unweighted form
 * of the authors' code; the two rank alike.
 */
import { TransPruneError } from '../errors.js';
import { defineMethod, type Method, normalizeOverImage } from './method.js';

export const transprune = defineMethod({
  name: 'transprune',
  summary: 'token transition + instruction-guided attention',
  source: 'arXiv 2507.20630',
  needs: ['transition', 'instructionAttention'],
  score: (algebra, { transition, instructionAttention }, imageMask) =>
    algebra.add(
      normalizeOverImage(algebra, transition, imageMask),
      normalizeOverImage(algebra, instructionAttention, imageMask),
    ),
});

/**
 * TransPrune's score with a weight: `alpha * transition + (1 - alpha) * attention`.
 *
 * @param alpha from 0 to 1
 * @param normalized whether both are scaled to sum 1 over the image tokens that are left, as in the authors' code;
 *   false: formula 5 as it is printed
 * @throws TransPruneError INVALID_ARGUMENT for another alpha
 */
export function transpruneWith({ alpha, normalized = true }: TransPruneWeights): Method {
  if (!(alpha >= 0 && alpha <= 1)) {
    throw new TransPruneError('INVALID_ARGUMENT', `alpha must be from 0 to 1, got ${alpha}`, {
      field: 'alpha',
      got: alpha,
    });
  }
  const weight = `${alpha}`.replace(/[^0-9a-z]/g, '-');
  return defineMethod({
    name: `transprune-alpha-${weight}${normalized ? '' : '-as-printed'}`,
    summary: `${alpha} token transition + ${1 - alpha} instruction-guided attention`,
    source: 'arXiv 2507.20630',
    needs: ['transition', 'instructionAttention'],
    score(algebra, { transition, instructionAttention }, imageMask) {
      const part = (signal: typeof transition, weight: number) => {
        const scaled = normalized
          ? normalizeOverImage(algebra, signal, imageMask)
          : algebra.multiply(signal, imageMask);
        return algebra.multiply(scaled, algebra.constant(weight));
      };
      return algebra.add(part(transition, alpha), part(instructionAttention, 1 - alpha));
    },
  });
}

export interface TransPruneWeights {
  readonly alpha: number;
  readonly normalized?: boolean;
}
