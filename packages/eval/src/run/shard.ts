import { TransPruneError } from '@transprune/core';

/** Part `index` of `count`, from 0. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/**
 * Reads `2/4`, the second of four.
 *
 * @throws TransPruneError INVALID_ARGUMENT for anything else
 */
export function parseShard(text: string): Shard {
  const [, part, count] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  const shard = { index: Number(part) - 1, count: Number(count) };
  if (part !== undefined && shard.index >= 0 && shard.index < shard.count) return shard;
  throw new TransPruneError('INVALID_ARGUMENT', `expected a shard such as 2/4, got ${text}`);
}

/** Every `count`-th entry: all shards together are the list, and no two share one. */
export function shardOf<T>(list: readonly T[], shard: Shard | undefined): T[] {
  return list.filter((_, at) => !shard || at % shard.count === shard.index);
}
