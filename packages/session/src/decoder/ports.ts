/** What a decoder's session declares, read once. */
import {
  afterLayerOf,
  type CachePort,
  cachePort,
  lengthOutput,
  maskOutput,
  pastLengthInput,
  pastMaskInput,
  TransPruneError,
} from '@transprune/core';
import type { Session, ValueInfo } from '../backend.js';
import { feeds } from './feeds.js';

/** An input that an output of the call before goes into. */
export interface StatePort {
  readonly input: string;
  readonly output: string;
  /** The axis along which it grows; undefined for states of fixed size. */
  readonly lengthAxis: number | undefined;
  /** The layer that the last prune before it follows; undefined before every prune. */
  readonly afterLayer: number | undefined;
  /** A cache, or what a stage knows of its caches: their mask, how many tokens they hold. */
  readonly kind: 'cache' | 'mask' | 'length';
}

/** Sizes of attention's caches, for graphs that leave them open. */
export interface CacheSizes {
  readonly kvHeads?: number | undefined;
  readonly headDim?: number | undefined;
}

/** A decoder's interface. */
export interface DecoderPorts {
  readonly inputs: ReadonlyMap<string, ValueInfo>;
  readonly caches: readonly CachePort[];
  /** The key caches of attention among them, in the order of the layers. */
  readonly keyCaches: readonly CachePort[];
  /** How many stages carry a mask from call to call: those of decoders that serve batches. */
  readonly stageMasks: number;
  /** Caches, masks and lengths. */
  readonly state: readonly StatePort[];
  /** Inputs that a session does not feed by itself, such as `per_layer_inputs`: a call's `others` have them. */
  readonly others: readonly string[];
}

/** Reads the interface of a decoder. */
export function decoderPorts({
  inputs,
  outputs,
}: Pick<Session, 'inputs' | 'outputs'>): DecoderPorts {
  const byName = new Map(inputs.map((info) => [info.name, info]));
  const given = new Set(outputs.map(({ name }) => name));
  const caches = inputs.flatMap(({ name }) => {
    const port = cachePort(name);
    return port && given.has(port.present) ? [port] : [];
  });
  let stageMasks = 0;
  while (byName.has(pastMaskInput(stageMasks))) stageMasks++;
  const state = caches.map(({ kind, past, present }): StatePort => {
    const lengthAxis = kind === 'key' || kind === 'value' ? 2 : undefined;
    const symbol = lengthAxis === undefined ? undefined : byName.get(past)?.shape[lengthAxis];
    const afterLayer = afterLayerOf(symbol);
    return { input: past, output: present, lengthAxis, afterLayer, kind: 'cache' };
  });
  for (let stage = 0; stage < stageMasks; stage++) {
    const input = pastMaskInput(stage);
    const afterLayer = afterLayerOf(byName.get(input)?.shape[1]);
    state.push({ input, output: maskOutput(stage), lengthAxis: 1, afterLayer, kind: 'mask' });
  }
  for (let stage = 0; byName.has(pastLengthInput(stage)); stage++) {
    const [input, output] = [pastLengthInput(stage), lengthOutput(stage)];
    state.push({ input, output, lengthAxis: undefined, afterLayer: undefined, kind: 'length' });
  }
  const isKnown = (name: string) => feeds.has(name) || state.some(({ input }) => input === name);
  const others = [...byName.keys()].filter((name) => !isKnown(name));
  const keyCaches = caches.filter(({ kind }) => kind === 'key').sort((a, b) => a.layer - b.layer);
  return { inputs: byName, caches, keyCaches, stageMasks, state, others };
}

/**
 * The shape that a state has before the first token.
 *
 * @param room tokens that attention's caches have room for
 * @throws TransPruneError UNSUPPORTED_MODEL if the graph leaves a size open that nobody knows
 */
export function emptyShape(
  { input, lengthAxis, kind }: StatePort,
  info: ValueInfo,
  batch: number,
  { kvHeads, headDim }: CacheSizes,
  room: number,
): number[] {
  if (kind === 'mask') return [batch, 0];
  if (kind === 'length') return [1];
  const known: Readonly<Record<number, number | undefined>> =
    lengthAxis === undefined ? {} : { 1: kvHeads, 3: headDim };
  return info.shape.map((size, axis) => {
    if (axis === 0) return batch;
    if (axis === lengthAxis) return room;
    const fixed = typeof size === 'number' && size > 0 ? size : known[axis];
    if (fixed !== undefined) return fixed;
    throw new TransPruneError(
      'UNSUPPORTED_MODEL',
      `expected ${input} with its sizes as numbers, got [${info.shape.join(', ')}]; pass cacheSizes`,
      { input, shape: info.shape },
    );
  });
}
