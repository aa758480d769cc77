/** The rows of a call on a decoder. */
import { TransPruneError } from '@transprune/core';
import type { PrefillCall } from './call.js';
import type { ConversationState } from './state.js';

/** The rows of a call: what was seen with it, and where its tokens stand. */
export interface Rows extends Pick<ConversationState, 'attention' | 'nextPosition'> {
  readonly batch: number;
  readonly tokens: number;
  /** Absolute, by kind of position (one, or those of M-RoPE), then `[batch, tokens]`. */
  readonly positions: readonly (readonly number[])[];
  /** Places among the tokens of the row, `[batch, tokens]`. */
  readonly places: readonly number[];
}

function checkRows({ attention }: ConversationState, batch: number): void {
  if (attention.length === 0 || attention.length === batch) return;
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    `expected embeddings of ${attention.length} rows, as in the calls before, got ${batch}`,
    { expected: attention.length, got: batch },
  );
}

/**
 * What a call adds to each row.
 *
 * @throws TransPruneError INVALID_ARGUMENT for other rows than before
 */
export function advance(
  before: ConversationState,
  batch: number,
  tokens: number,
  { valid, positions: given }: PrefillCall,
): Rows {
  checkRows(before, batch);
  const size = batch * tokens;
  const isToken = (at: number) => (valid ? valid[at] !== 0 : true);
  const kinds = given ? given.length / size : 1;
  const places: number[] = [];
  const positions = Array.from({ length: kinds }, () => new Array<number>(size).fill(0));
  const attention: number[][] = [];
  const nextPosition: number[] = [];
  for (let row = 0; row < batch; row++) {
    const start = before.nextPosition[row] ?? 0;
    const seen = before.attention[row] ?? [];
    let last = start - 1;
    let counted = 0;
    for (let token = 0; token < tokens; token++) {
      const at = row * tokens + token;
      places.push(isToken(at) ? counted : 0);
      if (!isToken(at)) continue;
      positions.forEach((kind, k) => {
        const position = start + (given ? (given[k * size + at] ?? 0) : counted);
        kind[at] = position;
        last = Math.max(last, position);
      });
      counted++;
    }
    const own = Array.from({ length: tokens }, (_, token) =>
      isToken(row * tokens + token) ? 1 : 0,
    );
    attention.push([...seen, ...own]);
    nextPosition.push(last + 1);
  }
  return { batch, tokens, attention, nextPosition, positions, places };
}
