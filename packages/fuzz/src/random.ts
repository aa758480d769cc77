import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Choices that a seed decides. */
export interface Random {
  /** From 0 to `count` - 1. */
  below(count: number): number;
  /** undefined of an empty list. */
  pick<T>(list: readonly T[]): T | undefined;
  /** Between -1 and 1. */
  real(): number;
}

export function randomOf(seed: number): Random {
  const generator = xoroshiro128plus(seed);
  const below = (count: number) => uniformInt(generator, 0, count - 1);
  return {
    below,
    pick: (list) => (list.length === 0 ? undefined : list[below(list.length)]),
    real: () => below(2 ** 24) / 2 ** 23 - 1,
  };
}
