/** Gather: the rows that stay are taken from a value. */
import type { Emitter } from '../../graph/emitter.js';
import { emitSizes } from '../../graph/sizes.js';
import type { Selection } from '../select/select.js';

/** Takes the rows that stay from several streams `[streams, batch, tokens, hidden]`. */
export function emitGatherStack(emitter: Emitter, selection: Selection, value: string): string {
  if (!selection.valid) return emitGather(emitter, selection, value, 2);
  const transpose = (x: string, perm: readonly number[]) =>
    emitter.emit('Transpose', [x], { attributes: { perm } });
  return transpose(emitGather(emitter, selection, transpose(value, [1, 2, 0, 3]), 1), [2, 0, 1, 3]);
}

/**
 * Takes the rows that stay from a value.
 *
 * @param axis the axis of the tokens, from the front; rows of a batch come before it, and 1 in between at most
 */
export function emitGather(
  emitter: Emitter,
  { indices, valid }: Selection,
  value: string,
  axis: number,
): string {
  const { emit } = emitter;
  if (!valid) return emit('Gather', [value, indices], { attributes: { axis } });
  // Rows differ, so each batch row gathers its own: [batch, tokens, ...].
  const rows = (x: string) =>
    emit('GatherND', [x, emit('Unsqueeze', [indices, emitter.int64([2])])], {
      attributes: { batch_dims: 1 },
    });
  if (axis === 1) return rows(ofEveryRow(value));
  if (axis === 0) return flatRows();
  // Angles [batch, 1, tokens, half]: heads are aside for a moment.
  const heads = emitter.int64([1]);
  return emit('Unsqueeze', [rows(ofEveryRow(emit('Squeeze', [value, heads]))), heads]);

  /** Of `[batch * tokens, ...]`. */
  function flatRows(): string {
    const [batch, rest] = [emitSizes(emitter, indices, 0, 1), emitSizes(emitter, value, 1)];
    const reshaped = (x: string, sizes: readonly string[]) =>
      emit('Reshape', [x, emit('Concat', sizes, { attributes: { axis: 0 } })]);
    const left = rows(reshaped(value, [batch, emitter.int64([-1]), rest]));
    return reshaped(left, [emitter.int64([-1]), rest]);
  }

  /** A row that stands for all of them is repeated. */
  function ofEveryRow(x: string): string {
    const batch = emitSizes(emitter, indices, 0, 1);
    const rest = emitSizes(emitter, x, 1);
    return emit('Expand', [x, emit('Concat', [batch, rest], { attributes: { axis: 0 } })]);
  }
}
