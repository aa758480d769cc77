/** Rows of conversations, put together as those of one. */
import { elementCount } from '@transprune/core';
import type { HostTensor } from '../backend.js';
import type { StatePort } from './ports.js';
import { type ConversationState, type Shared, shared } from './state.js';

/** Rows that are taken from a conversation. */
export interface TakenRows {
  readonly state: ConversationState;
  readonly rows: readonly number[];
}

/** A row of a tensor, and how many steps of its axis of lengths are padding in front. */
interface Source {
  readonly tensor: HostTensor;
  readonly row: number;
  readonly padding: number;
}

/**
 * Rows as the rows of one conversation, in their order, each copied once. All become as long as the longest of them
 * is without padding; the shorter ones are padded in front, and masks say so.
 *
 * @returns a state of its own; those that came in stay as they are
 */
export async function gatherRows(
  parts: readonly TakenRows[],
  statePorts: readonly StatePort[],
): Promise<ConversationState> {
  const each = parts.flatMap(({ state, rows }) => rows.map((row) => ({ state, row })));
  const attention = each.map(({ state, row }) => state.attention[row] ?? []);
  // Of each row, by the layer that the last prune before follows.
  const paddings = new Map([[undefined as number | undefined, attention.map(paddingOf)]]);
  for (const { input, kind, afterLayer } of statePorts) {
    if (kind !== 'mask') continue;
    const masks = await Promise.all(each.map(({ state, row }) => maskOf(state, input, row)));
    paddings.set(afterLayer, masks.map(paddingOf));
  }
  const tensors = new Map<string, Shared>();
  for (const { input, lengthAxis, afterLayer, kind } of statePorts) {
    const [first] = each;
    if (kind === 'length' && first) {
      // Rows of a graph that counts tokens for all of them are equally long.
      tensors.set(input, shared(structuredClone(await hostOf(first.state, input))));
      continue;
    }
    const sources = each.map(async ({ state, row }, at): Promise<Source> => {
      const padding = paddings.get(afterLayer)?.[at] ?? 0;
      return { tensor: await hostOf(state, input), row, padding };
    });
    tensors.set(input, shared(gathered(await Promise.all(sources), lengthAxis)));
  }
  const real = attention.map((row) => row.slice(paddingOf(row)));
  const width = Math.max(...real.map(({ length }) => length));
  return {
    tensors,
    attention: real.map((row) => [...new Array<number>(width - row.length).fill(0), ...row]),
    nextPosition: each.map(({ state, row }) => state.nextPosition[row] ?? 0),
  };
}

/** Zeros in front. */
function paddingOf(mask: readonly number[]): number {
  const first = mask.findIndex((value) => value !== 0);
  return first < 0 ? mask.length : first;
}

async function maskOf(state: ConversationState, input: string, row: number): Promise<number[]> {
  const { data, dims } = await hostOf(state, input);
  const [, width = 0] = dims;
  const values = data.slice(row * width, (row + 1) * width) as ArrayLike<number | bigint>;
  return Array.from(values, Number);
}

/** A tensor to be read at once; nothing of it is kept. */
async function hostOf({ tensors }: ConversationState, input: string): Promise<HostTensor> {
  const tensor = tensors.get(input)?.tensor;
  if (!tensor) throw new Error(`expected a tensor for ${input}`);
  return 'data' in tensor ? tensor : (tensor.elements ?? tensor.download());
}

/** Rows below each other; along the axis of lengths, if there is one, zeros fill up the shorter in front. */
function gathered(sources: readonly Source[], lengthAxis: number | undefined): HostTensor {
  const [first] = sources;
  if (!first) throw new Error('expected at least one row');
  const like = first.tensor;
  const lengthOf = ({ tensor }: Source) =>
    lengthAxis === undefined ? 1 : (tensor.dims[lengthAxis] ?? 0);
  // A row is so many blocks, each of them steps of so many elements.
  const blocks = elementCount(like.dims.slice(1, lengthAxis ?? 1));
  const step = elementCount(like.dims.slice((lengthAxis ?? 0) + 1));
  const longest = Math.max(...sources.map((source) => lengthOf(source) - source.padding));
  const dims = like.dims.map((size, axis) => (axis === lengthAxis ? longest : size));
  dims[0] = sources.length;
  const data = new (like.data.constructor as new (length: number) => HostTensor['data'])(
    elementCount(dims),
  );
  for (const [at, source] of sources.entries()) {
    const length = lengthOf(source);
    const size = (length - source.padding) * step;
    for (let block = 0; block < blocks; block++) {
      const sourceEnd = (source.row * blocks + block + 1) * length * step;
      const end = (at * blocks + block + 1) * longest * step;
      data.set(source.tensor.data.subarray(sourceEnd - size, sourceEnd) as never, end - size);
    }
  }
  return { type: like.type, dims, data } as HostTensor;
}
