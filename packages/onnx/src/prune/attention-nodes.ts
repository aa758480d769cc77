/**
 * What is done to nodes that mix tokens before any stage is emitted: they are told of padding, and attention after a
 * prune of positions. What their operators take is their family's to know.
 */
import { type PositionMode, ports } from '@transprune/core';
import { firstCache } from '../decoder/caches.js';
import type { Decoder } from '../decoder/decoder.js';
import { refuse } from '../decoder/refuse.js';
import type { Emitter } from '../graph/emitter.js';
import { elementType } from '../graph/graph.js';
import { emitCountedTokens, emitRange, emitSizes } from '../graph/sizes.js';
import { walk } from '../graph/walk.js';
import { emitCallStart } from './cache-lengths.js';
import type { CacheMode } from './cache-modes.js';
import { insertBefore, noteAngle, type WorkingGraph } from './working-graph.js';

/** Lets attention take padding on either side of the tokens, and states in front of them. */
export function padMixers(around: Emitter, graph: WorkingGraph, decoder: Decoder): void {
  const emitter = around.child('pruning/padding', { role: 'padding' });
  const { inputs, layers } = decoder;
  const first = firstCache(layers);
  const { graph: source } = decoder.graph;
  // A branch without a past has the present alone.
  const cache = [...source.input, ...source.output].find(
    ({ name }) => name === first?.pastKey || name === first?.presentKey,
  );
  const cacheType = elementType(cache);
  for (const { attention, mixer, states } of layers) {
    if (attention) {
      const { family, node } = attention.reading;
      const copy = graph.copyOf(node);
      insertBefore(graph, emitter, copy, () => family.pad?.(copy, { emitter, inputs, cacheType }));
      continue;
    }
    const readings = 'readings' in mixer ? mixer.readings : [];
    for (const [at, { family, node }] of readings.entries()) {
      const copy = graph.copyOf(node);
      const state = source.input.find(({ name }) => name === states[at]?.past);
      const site = { emitter, inputs, state };
      insertBefore(graph, emitter, copy, () => family.pad?.(copy, site));
    }
  }
}

/**
 * Checks that every layer can be told of padding: by its family, or by a mask that is made of the graph's; and that
 * positions are not counted by the length of a cache, in which a row's padding counts.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL for a layer that sees padding whatever the mask says
 */
export function checkPadding({ graph, inputs, layers }: Decoder): void {
  const { attentionMask, positionIds } = inputs;
  // The mask's sizes tell nothing of padding.
  const next = (name: string) => {
    const node = graph.producer.get(name);
    return !node || node.opType === 'Shape' ? [] : node.input;
  };
  const readsMask = (values: readonly string[]) => [...walk(values, next)].includes(attentionMask);
  for (const [at, { attention, mixer }] of layers.entries()) {
    const where = `layer ${at + 1}`;
    if (!attention) {
      const readings = 'readings' in mixer ? mixer.readings : [];
      const unpadded = readings.find(({ family }) => !family.pad);
      if (!unpadded) continue;
      refuse({
        where,
        expected: 'a state that can be told of padding, for a batch of rows (--batch)',
        found: `one of ${unpadded.family.name}, which runs over padding too`,
        node: unpadded.node,
      });
    }
    const { family, derivedInputs, node, angles } = attention.reading;
    if (!family.pad && !readsMask(derivedInputs)) {
      refuse({
        where,
        expected: `attention that reads ${attentionMask}, for a batch of rows with padding (--batch)`,
        found: 'a layer that sees padding, whatever the mask says',
        node,
      });
    }
    const counted = angles.find(({ value }) => !readsMask([value]));
    if (counted && positionIds === undefined) {
      refuse({
        where,
        expected: `positions as an input (${ports.positionIds}), or rotation inside the attention node, for a batch of rows (--batch): rows of unequal length that join while decoding are padded in front`,
        found: 'positions that the graph counts by the length of a cache, padding too,',
        node: counted.node,
      });
    }
  }
}

/** How tokens are numbered for nodes that rotate inside. */
export interface RotationOptions {
  readonly positions: PositionMode;
  /** The first prune. */
  readonly afterLayer: number;
  /** Whether rows may have padding. */
  readonly batch: boolean;
  readonly cache: CacheMode;
}

/**
 * Nodes that rotate inside take positions from the length of their cache, in which padding counts. Where tokens
 * are numbered otherwise, the rotation is taken out of them, into nodes that are told positions: in batches
 * in every layer, by the tokens of each row alone, so that a row may be padded while it is decoded; for kept
 * positions after the first prune, where positions are gathered.
 *
 * @returns positions of the call's tokens, int64 `[batch, tokens]`; undefined where no node rotates inside
 * @throws TransPruneError UNSUPPORTED_MODEL for kept positions in layers with a sliding window
 */
export function rotateOutside(
  around: Emitter,
  graph: WorkingGraph,
  decoder: Decoder,
  { positions: mode, afterLayer, batch, cache }: RotationOptions,
): string | undefined {
  const keeps = mode === 'keep';
  if (keeps) checkWindows(decoder, afterLayer);
  const layers = batch ? decoder.layers : keeps ? decoder.layers.slice(afterLayer) : [];
  if (layers.every(({ attention }) => attention?.reading.fusedRotary === undefined))
    return undefined;
  const emitter = around.child('pruning/positions', { role: 'positions' });
  const { attentionMask, embeddings } = decoder.inputs;
  const [first] = graph.nodes;
  if (!first) return undefined;
  let positions = '';
  insertBefore(graph, emitter, first, () => {
    positions = batch
      ? emitCountedTokens(emitter, attentionMask, embeddings)
      : emitPositions(emitter, decoder, afterLayer, cache);
  });
  for (const { attention } of layers) {
    if (!attention) continue;
    const { reading } = attention;
    const node = graph.copyOf(reading.node);
    const added = insertBefore(graph, emitter, node, () =>
      reading.family.rotateOutside?.(reading, node, emitter, positions),
    );
    for (const reader of added.filter(({ input }) => input.includes(positions))) {
      if (keeps) noteAngle(graph, { node: reader, value: positions, axis: -1 });
    }
  }
  return positions;
}

function checkWindows({ layers }: Decoder, afterLayer: number): void {
  for (const [at, { attention }] of layers.slice(afterLayer).entries()) {
    const window = attention?.reading.window;
    if (window === undefined) continue;
    refuse({
      where: `layer ${afterLayer + at + 1}`,
      expected:
        'attention over all tokens for kept positions (a sliding window counts what is left in the cache, not positions; use --positions renumber)',
      found: `a window of ${window} tokens`,
      node: attention?.reading.node,
    });
  }
}

/** Positions in the unpruned sequence, int64 `[batch, tokens]`. */
function emitPositions(
  emitter: Emitter,
  decoder: Decoder,
  firstPrune: number,
  cache: CacheMode,
): string {
  const { emit, int64 } = emitter;
  const { embeddings } = decoder.inputs;
  const tokens = emitSizes(emitter, embeddings, 1, 2);
  const first = emitCallStart(emitter, decoder, firstPrune, cache) ?? int64([0]);
  const last = emit('Add', [first, tokens]);
  const range = emitRange(emitter, first, last);
  return emit('Expand', [range, emitSizes(emitter, embeddings, 0, 2)]);
}
