/** What a decoder is fed, input by input: all but its state. */
import { imageMaskInput, instructionMaskInput, keepRatiosInput, ports } from '@transprune/core';
import type { ElementType, HostTensor, SessionTensor, ValueInfo } from '../backend.js';
import type { PrefillCall } from './call.js';
import type { Rows } from './rows.js';
import { hostTensor, withType, zeros } from './tensors.js';

/** What a feed is made of. */
export interface FeedParts {
  readonly call: PrefillCall;
  readonly rows: Rows;
  /** True from the second call on. */
  readonly hasPast: boolean;
}

type Feed = (info: ValueInfo, parts: FeedParts) => HostTensor | SessionTensor;

/** Inputs that a call's own fields and its rows feed, by name; there is no other list of them. */
export const feeds: ReadonlyMap<string, Feed> = new Map<string, Feed>([
  [ports.embeddings, ({ type }, { call }) => withType(call.embeddings, type)],
  [ports.attentionMask, ({ type }, { rows }) => maskTensor(type, rows.attention)],
  [ports.positionIds, (info, { rows }) => positionTensor(info, rows)],
  [imageMaskInput, ({ type }, { call, rows }) => perToken(type, call.images, rows)],
  [instructionMaskInput, ({ type }, { call, rows }) => perToken(type, call.instruction, rows)],
  [
    keepRatiosInput,
    ({ type, shape }, { call }) => {
      const ratios = call.keepRatios ?? new Array<number>(Number(shape[0]) || 0).fill(1);
      return hostTensor(type, ratios, [ratios.length]);
    },
  ],
  [ports.useCacheBranch, ({ type }, { hasPast }) => hostTensor(type, [hasPast ? 1 : 0], [1])],
  ...ports.logitsToKeep.map((name): [string, Feed] => [name, logitsToKeep]),
]);

function logitsToKeep({ type, shape }: ValueInfo, { call, rows }: FeedParts): HostTensor {
  const kept = Math.min(call.logitsToKeep ?? rows.tokens, rows.tokens);
  const dims = shape.map(() => 1);
  return hostTensor(type, [kept], dims);
}

function perToken(
  type: ElementType,
  values: ArrayLike<number> | undefined,
  { batch, tokens }: Rows,
): HostTensor {
  return values ? hostTensor(type, values, [batch, tokens]) : zeros(type, [batch, tokens]);
}

/** A mask as the graph takes it; the longest feed of a decode step, so it is made without detours. */
function maskTensor(type: ElementType, rows: readonly (readonly number[])[]): HostTensor {
  const width = rows[0]?.length ?? 0;
  const dims = [rows.length, width];
  if (type !== 'int64') return hostTensor(type, rows.flat(), dims);
  const data = new BigInt64Array(rows.length * width).fill(1n);
  rows.forEach((row, at) => {
    for (let token = 0; token < width; token++) {
      if (row[token] === 0) data[at * width + token] = 0n;
    }
  });
  return { type, dims, data };
}

/** Positions as the graph takes them: one row, three, or four, the first of which counts tokens. */
function positionTensor({ type, shape }: ValueInfo, rows: Rows): HostTensor {
  const { batch, tokens, positions } = rows;
  const [first = []] = positions;
  if (shape.length < 3) return hostTensor(type, first, [batch, tokens]);
  const wanted = typeof shape[0] === 'number' && shape[0] > 0 ? shape[0] : 3;
  const given = positions.length === 1 ? [first, first, first] : positions;
  const all: readonly (readonly number[])[] =
    wanted > given.length ? [seenPlaces(rows), ...given] : given;
  return hostTensor(type, all.slice(0, wanted).flat(), [wanted, batch, tokens]);
}

/** Places of the call's tokens among all tokens of their row. */
function seenPlaces({ batch, tokens, attention, places }: Rows): number[] {
  return Array.from({ length: batch * tokens }, (_, at) => {
    const row = attention[Math.floor(at / tokens)] ?? [];
    const before = row.slice(0, row.length - tokens).reduce((sum, value) => sum + value, 0);
    return before + (places[at] ?? 0);
  });
}
