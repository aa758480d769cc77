/** What can be known to be wrong before a decoder runs. */
import { imageMaskInput, keepRatiosInput, ports as names, TransPruneError } from '@transprune/core';
import type { PrefillCall } from './call.js';
import type { DecoderPorts } from './ports.js';
import type { ConversationState } from './state.js';

/**
 * Checks a call against the graph and against itself.
 *
 * @throws TransPruneError INVALID_ARGUMENT that names the field
 */
export function checkCall(call: PrefillCall, ports: DecoderPorts): void {
  const { dims } = call.embeddings;
  const [batch = 0, tokens = 0] = dims;
  if (dims.length !== 3 || batch < 1 || tokens < 1) {
    throw invalid(
      'embeddings',
      'of [rows, tokens, hidden], at least one of each',
      dims.join(' x '),
    );
  }
  checkPerToken('images', call.images, batch, tokens);
  checkPerToken('instruction', call.instruction, batch, tokens);
  checkPerToken('valid', call.valid, batch, tokens);
  const padding = Array.from(call.valid ?? []).indexOf(0);
  if (padding >= 0 && !knowsPadding(ports)) {
    throw invalid('valid', `without zeros: ${onlyBatches}`, `a zero at ${padding}`);
  }
  if (padding >= 0) checkPaddingInFront(call.valid, ports, tokens);
  checkPositions(call, ports, batch * tokens);
  checkRatios(call, ports);
}

/** Of padding behind the tokens pruned graphs tell attention, but no convolution and no recurrence. */
function checkPaddingInFront(
  valid: ArrayLike<number> | undefined,
  { caches, stageMasks }: DecoderPorts,
  tokens: number,
): void {
  const hasStates = caches.some(({ kind }) => kind !== 'key' && kind !== 'value');
  if (stageMasks === 0 || !hasStates) return;
  const behind = Array.from(valid ?? []).findIndex(
    (value, at, all) => value === 0 && at % tokens > 0 && all[at - 1] !== 0,
  );
  if (behind < 0) return;
  const expected =
    'with zeros in front of the tokens alone, as this graph has states beside caches';
  throw invalid('valid', expected, `a zero at ${behind}`);
}

/**
 * Checks conversations that are to stand side by side.
 *
 * @param room tokens that caches have room for from the start
 * @throws TransPruneError INVALID_ARGUMENT for caches with room for more, and for unequal lengths on a graph that is
 *   known not to know padding
 */
export function checkMerge(
  states: readonly ConversationState[],
  ports: DecoderPorts,
  room: number,
): void {
  if (room > 0) {
    const expected = 'whose caches are as long as what they hold, to be padded in front';
    throw invalid('conversations', expected, `caches with room for ${room} tokens`);
  }
  if (knowsPadding(ports)) return;
  const seen = states.map(({ attention }) => attention[0]?.length ?? 0);
  const lengths = ports.state.flatMap(({ input, lengthAxis }) =>
    lengthAxis === undefined
      ? []
      : [states.map(({ tensors }) => tensors.get(input)?.tensor.dims[lengthAxis] ?? 0)],
  );
  const unequal = [seen, ...lengths].find((each) => new Set(each).size > 1);
  if (unequal) {
    throw invalid('conversations', `of equal length: ${onlyBatches}`, unequal.join(', '));
  }
}

/**
 * Checks the room of caches.
 *
 * @throws TransPruneError INVALID_ARGUMENT for what is no whole number of tokens
 */
export function checkRoom(room: number): void {
  if (!Number.isSafeInteger(room) || room < 0) {
    throw invalid('cacheRoom', 'to be a whole number of tokens', room);
  }
}

/**
 * Checks which rows are taken.
 *
 * @throws TransPruneError INVALID_ARGUMENT for no row, or one that there is not
 */
export function checkRowsTaken(rows: readonly number[], batch: number): void {
  const expected =
    batch > 0
      ? `at least one row, each a whole number from 0 to ${batch - 1}`
      : 'a conversation that has had a call';
  const isThere = (row: number) => Number.isInteger(row) && row >= 0 && row < batch;
  if (rows.length > 0 && rows.every(isThere)) return;
  throw invalid('rows', expected, `[${rows.join(', ')}] of ${batch}`);
}

const onlyBatches =
  'this graph is pruned and knows no padding; prune it for batches (--batch, or the option batch)';

/** False where it is known that padding is not told apart after a prune. */
function knowsPadding({ inputs, stageMasks }: DecoderPorts): boolean {
  return !inputs.has(imageMaskInput) || stageMasks > 0;
}

function checkPerToken(
  field: string,
  values: ArrayLike<number> | undefined,
  batch: number,
  tokens: number,
): void {
  if (values === undefined) return;
  if (values.length !== batch * tokens) {
    throw invalid(field, `of ${batch} x ${tokens} numbers`, values.length);
  }
  checkWhole(field, values);
}

function checkWhole(field: string, values: ArrayLike<number>): void {
  const at = Array.from(values).findIndex((value) => !Number.isInteger(value));
  if (at >= 0) throw invalid(field, 'of whole numbers', `${values[at]} at ${at}`);
}

/** Graphs of four kinds count tokens in the first by themselves, where it is left out. */
function checkPositions({ positions }: PrefillCall, { inputs }: DecoderPorts, size: number): void {
  if (positions === undefined) return;
  const shape = inputs.get(names.positionIds)?.shape;
  const declared = shape && shape.length > 2 ? shape[0] : 1;
  const kinds = typeof declared === 'number' && declared > 0 ? declared : 3;
  const taken = !shape || kinds === 4 ? [1, 3, 4] : [...new Set([1, kinds])];
  if (!taken.includes(positions.length / size)) {
    throw invalid('positions', `of ${taken.join(' or ')} times ${size} numbers`, positions.length);
  }
  checkWhole('positions', positions);
}

function checkRatios({ keepRatios }: PrefillCall, { inputs }: DecoderPorts): void {
  const input = inputs.get(keepRatiosInput);
  if (!input || keepRatios === undefined) return;
  const [stages] = input.shape;
  const isCounted = typeof stages !== 'number' || stages < 1 || keepRatios.length === stages;
  if (isCounted && keepRatios.every((ratio) => ratio > 0 && ratio <= 1)) return;
  const count = typeof stages === 'number' && stages > 0 ? `${stages} ` : '';
  throw invalid(
    'keepRatios',
    `of ${count}numbers above 0 and at most 1, one for each prune`,
    `[${keepRatios.join(', ')}]`,
  );
}

function invalid(field: string, expected: string, got: string | number): TransPruneError {
  return new TransPruneError('INVALID_ARGUMENT', `expected ${field} ${expected}, got ${got}`, {
    field,
    got,
  });
}
