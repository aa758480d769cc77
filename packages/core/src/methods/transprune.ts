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

/** Of a method that `transpruneWith` makes, which plans know by it: `transprune-alpha-0-25`, `transprune-alpha-0-5-as-printed`. */
export type WeightedName = `${typeof prefix}${string}`;

const prefix = 'transprune-alpha-';

/** Those that were made, by their names: a method is one object. */
const made = new Map<string, Method>();

/**
 * TransPrune's score with a weight: `alpha * transition + (1 - alpha) * attention`. A plan may name it by its name alone.
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
  const name = nameOf({ alpha, normalized });
  const method = made.get(name) ?? weighted(name, alpha, normalized);
  made.set(name, method);
  return method;
}

/** Whether a name looks like one of `transpruneWith`; what it says may be none. */
export function isWeightedName(name: string): name is WeightedName {
  return name.startsWith(prefix);
}

/** What `transpruneWith` made a name of; undefined if it makes no such name. */
export function weightsOf(name: WeightedName): Required<TransPruneWeights> | undefined {
  const [, whole, part = '0', power = '0', printed] =
    /^(\d)(?:-(\d+))?(?:e-(\d+))?(-as-printed)?$/.exec(name.slice(prefix.length)) ?? [];
  const weights = {
    alpha: Number(`${whole}.${part}e-${power}`),
    normalized: printed === undefined,
  };
  return weights.alpha <= 1 && nameOf(weights) === name ? weights : undefined;
}

/** The point of a decimal is a hyphen. */
const nameOf = ({ alpha, normalized }: Required<TransPruneWeights>): WeightedName =>
  `${prefix}${`${alpha}`.replace(/[^0-9a-z]+/g, '-')}${normalized ? '' : '-as-printed'}`;

function weighted(name: WeightedName, alpha: number, normalized: boolean): Method {
  return defineMethod({
    name,
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
