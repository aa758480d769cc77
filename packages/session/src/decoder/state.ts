/**
 * What a conversation carries from call to call: caches of every layer, the masks that go with them after each
 * prune, the tokens seen so far. Conversations can stand side by side as the rows of a batch.
 */
import { elementCount } from '@transprune/core';
import type { HostTensor, SessionTensor } from '../backend.js';
import type { StatePort } from './ports.js';

/** A tensor that conversations may share; the last of its owners frees it. */
export interface Shared {
  readonly tensor: HostTensor | SessionTensor;
  owners: number;
}

/** A conversation between two calls. */
export interface ConversationState {
  /** By the names of the inputs that they go into. */
  readonly tensors: ReadonlyMap<string, Shared>;
  /** Each row's tokens so far, 1 or, at padding, 0. */
  readonly attention: readonly (readonly number[])[];
  /** The position that each row's next token takes. */
  readonly nextPosition: readonly number[];
}

export const emptyState: ConversationState = {
  tensors: new Map(),
  attention: [],
  nextPosition: [],
};

export function shared(tensor: HostTensor | SessionTensor): Shared {
  return { tensor, owners: 1 };
}

/** The same state for one more owner. */
export function borrow(state: ConversationState): ConversationState {
  for (const cell of state.tensors.values()) cell.owners++;
  return state;
}

/** A tensor of a state for a reader, who disposes it too; it lives as long as one of the owners does. */
export function lend(tensor: SessionTensor, cell: Shared): SessionTensor {
  cell.owners++;
  let isGivenUp = false;
  return {
    type: tensor.type,
    dims: tensor.dims,
    download: () => tensor.download(),
    dispose() {
      if (isGivenUp) return;
      isGivenUp = true;
      giveUp(cell);
    },
  };
}

/** Gives up a state; what nobody else owns is freed. */
export function release({ tensors }: ConversationState): void {
  for (const cell of tensors.values()) giveUp(cell);
}

function giveUp(cell: Shared): void {
  cell.owners--;
  if (cell.owners === 0 && 'dispose' in cell.tensor) cell.tensor.dispose();
}

/**
 * Conversations as the rows of one. Shorter caches are padded in front, and masks say so.
 *
 * @returns a state of its own; those that came in stay as they are
 */
export async function mergeRows(
  states: readonly ConversationState[],
  statePorts: readonly StatePort[],
): Promise<ConversationState> {
  const tensors = new Map<string, Shared>();
  for (const { input, lengthAxis, kind } of statePorts) {
    const parts = await Promise.all(states.map((state) => hostOf(state, input)));
    // Rows of a graph that counts tokens for all of them are equally long.
    const joined = kind === 'length' ? parts.slice(0, 1) : parts;
    tensors.set(input, shared(joinRows(joined, lengthAxis)));
  }
  const rows = states.flatMap(({ attention }) => attention);
  const width = Math.max(...rows.map(({ length }) => length));
  return {
    tensors,
    attention: rows.map((row) => [...new Array<number>(width - row.length).fill(0), ...row]),
    nextPosition: states.flatMap(({ nextPosition }) => nextPosition),
  };
}

/**
 * Some rows of a conversation; padding in front that all of them have is cut off.
 *
 * @returns a state of its own; the one that came in stays as it is
 */
export async function selectRows(
  state: ConversationState,
  rows: readonly number[],
  statePorts: readonly StatePort[],
): Promise<ConversationState> {
  const attention = rows.map((row) => state.attention[row] ?? []);
  const cuts = new Map<number | undefined, number>([[undefined, commonPadding(attention)]]);
  for (const { input, kind, afterLayer } of statePorts) {
    if (kind !== 'mask') continue;
    const { data, dims } = await hostOf(state, input);
    const [, width = 0] = dims;
    const masks = rows.map((row) =>
      Array.from(data.slice(row * width, (row + 1) * width) as ArrayLike<number | bigint>, Number),
    );
    cuts.set(afterLayer, commonPadding(masks));
  }
  const tensors = new Map<string, Shared>();
  for (const { input, lengthAxis, afterLayer, kind } of statePorts) {
    const tensor = await hostOf(state, input);
    if (kind === 'length') tensors.set(input, shared(tensor));
    else tensors.set(input, shared(takeRows(tensor, rows, lengthAxis, cuts.get(afterLayer) ?? 0)));
  }
  const cut = cuts.get(undefined) ?? 0;
  return {
    tensors,
    attention: attention.map((row) => row.slice(cut)),
    nextPosition: rows.map((row) => state.nextPosition[row] ?? 0),
  };
}

async function hostOf({ tensors }: ConversationState, input: string): Promise<HostTensor> {
  const cell = tensors.get(input);
  if (!cell) throw new Error(`expected a tensor for ${input}`);
  return 'data' in cell.tensor ? cell.tensor : cell.tensor.download();
}

function commonPadding(rows: readonly (readonly number[])[]): number {
  const paddings = rows.map((row) => {
    const first = row.findIndex((value) => value !== 0);
    return first < 0 ? row.length : first;
  });
  return Math.min(...paddings);
}

/** The sizes around an axis: how many blocks there are, and elements in each step of the axis. */
function around(dims: readonly number[], axis: number): { blocks: number; step: number } {
  return { blocks: elementCount(dims.slice(0, axis)), step: elementCount(dims.slice(axis + 1)) };
}

/** Rows below each other; along the axis of lengths, if there is one, zeros fill up the shorter in front. */
function joinRows(parts: readonly HostTensor[], lengthAxis: number | undefined): HostTensor {
  const [first] = parts;
  if (!first) throw new Error('expected at least one row');
  const dims = [...first.dims];
  dims[0] = parts.reduce((sum, part) => sum + (part.dims[0] ?? 0), 0);
  if (lengthAxis === undefined) {
    return fill(first, dims, parts, (data, part, at) => {
      data.set(part.data as never, at);
      return at + part.data.length;
    });
  }
  const longest = Math.max(...parts.map((part) => part.dims[lengthAxis] ?? 0));
  dims[lengthAxis] = longest;
  return fill(first, dims, parts, (data, part, at) => {
    const { blocks, step } = around(part.dims, lengthAxis);
    const length = (part.dims[lengthAxis] ?? 0) * step;
    for (let block = 0; block < blocks; block++) {
      const end = at + (block + 1) * longest * step;
      data.set(part.data.subarray(block * length, (block + 1) * length) as never, end - length);
    }
    return at + blocks * longest * step;
  });
}

/** Some rows, without the first `cut` steps along the axis of lengths. */
function takeRows(
  tensor: HostTensor,
  rows: readonly number[],
  lengthAxis: number | undefined,
  cut: number,
): HostTensor {
  const dims = [...tensor.dims];
  dims[0] = rows.length;
  const axis = lengthAxis ?? 0;
  if (lengthAxis !== undefined) dims[axis] = (tensor.dims[axis] ?? 0) - cut;
  const { blocks, step } = around(tensor.dims.slice(1), Math.max(axis - 1, 0));
  const whole = (lengthAxis === undefined ? 1 : (tensor.dims[axis] ?? 0)) * step;
  const skipped = lengthAxis === undefined ? 0 : cut * step;
  const rowLength = tensor.data.length / Math.max(tensor.dims[0] ?? 1, 1);
  return fill(tensor, dims, rows, (data, row, at) => {
    if (lengthAxis === undefined) {
      data.set(tensor.data.subarray(row * rowLength, (row + 1) * rowLength) as never, at);
      return at + rowLength;
    }
    let to = at;
    for (let block = 0; block < blocks; block++) {
      const start = row * rowLength + block * whole;
      data.set(tensor.data.subarray(start + skipped, start + whole) as never, to);
      to += whole - skipped;
    }
    return to;
  });
}

/** A tensor of the same element type whose parts are written one after the other. */
function fill<Part>(
  like: HostTensor,
  dims: readonly number[],
  parts: readonly Part[],
  write: (data: HostTensor['data'], part: Part, at: number) => number,
): HostTensor {
  const length = elementCount(dims);
  const data = new (like.data.constructor as new (length: number) => HostTensor['data'])(length);
  let at = 0;
  for (const part of parts) at = write(data, part, at);
  return { type: like.type, dims, data } as HostTensor;
}
