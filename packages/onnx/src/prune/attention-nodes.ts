/**
 * What is done to attention nodes before any stage is emitted: they are told of padding, and after a prune
 * of positions. What their operators take is their family's to know.
 */
import type { Decoder } from '../decoder/decoder.js';
import { refuse } from '../decoder/refuse.js';
import type { Emitter } from '../graph/emitter.js';
import { elementType } from '../graph/graph.js';
import { emitRange, emitSizes, toTheEnd } from '../graph/sizes.js';
import { TensorProto_DataType } from '../proto/onnx_pb.js';
import { insertBefore, noteAngle, type WorkingGraph } from './working-graph.js';

const { INT64 } = TensorProto_DataType;

/** Makes every attention node take padding on either side. */
export function padAttention(around: Emitter, graph: WorkingGraph, decoder: Decoder): void {
  const emitter = around.child('pruning/padding', { role: 'padding' });
  const { inputs, layers } = decoder;
  const cacheType = elementType(decoder.graph.input.get(layers[0]?.cache.pastKey ?? ''));
  for (const { attention } of layers) {
    const { family, node } = attention.reading;
    const copy = graph.copyOf(node);
    insertBefore(graph, emitter, copy, () => family.pad?.(copy, { emitter, inputs, cacheType }));
  }
}

/**
 * Kept positions: nodes that rotate inside take positions from the length of their cache. So after a prune
 * the rotation is taken out of them, into nodes that are told positions which can be gathered.
 *
 * @param afterLayer the first prune
 * @param batch whether rows may have padding
 * @throws TransPruneError UNSUPPORTED_MODEL for layers with a sliding window
 */
export function keepPositions(
  around: Emitter,
  graph: WorkingGraph,
  decoder: Decoder,
  afterLayer: number,
  batch: boolean,
): void {
  const layers = decoder.layers.slice(afterLayer);
  for (const [at, { attention }] of layers.entries()) {
    const { window, node } = attention.reading;
    if (window === undefined) continue;
    refuse({
      where: `layer ${afterLayer + at + 1}`,
      expected:
        'attention over all tokens for kept positions (a sliding window counts what is left in the cache, not positions; use --positions renumber)',
      found: `a window of ${window} tokens`,
      node,
    });
  }
  if (layers.every(({ attention }) => attention.reading.fusedRotary === undefined)) return;
  const emitter = around.child('pruning/positions', { role: 'positions' });
  const positions = batch ? emitRowPositions(emitter, decoder) : emitPositions(emitter, decoder);
  for (const { attention } of layers) {
    const { reading } = attention;
    const node = graph.copyOf(reading.node);
    const added = insertBefore(graph, emitter, node, () =>
      reading.family.rotateOutside?.(reading, node, emitter, positions),
    );
    for (const reader of added.filter(({ input }) => input.includes(positions))) {
      noteAngle(graph, { node: reader, value: positions, axis: -1 });
    }
  }
}

/** Positions in the unpruned sequence, int64 `[batch, tokens]`: the first layer's cache and on. */
function emitPositions(emitter: Emitter, decoder: Decoder): string {
  const { emit, int64 } = emitter;
  const { embeddings } = decoder.inputs;
  const pastKey = decoder.layers[0]?.cache.pastKey;
  const tokens = emitSizes(emitter, embeddings, 1, 2);
  const first = pastKey === undefined ? int64([0]) : emitSizes(emitter, pastKey, 2, 3);
  const last = emit('Add', [first, tokens]);
  const range = emitRange(emitter, first, last);
  return emit('Expand', [range, emitSizes(emitter, embeddings, 0, 2)]);
}

/**
 * The same for rows with padding: slots of the node's own cache, which has padding before the tokens, and
 * overwrites padding after them.
 */
function emitRowPositions(emitter: Emitter, { inputs }: Decoder): string {
  const { emit, cast, int64 } = emitter;
  const mask = cast(inputs.attentionMask, INT64);
  const held = emit('CumSum', [mask, int64([1], [])]);
  const isFront = cast(emit('Equal', [held, int64([0])]), INT64);
  const front = emit('ReduceSum', [isFront, int64([1])], { attributes: { keepdims: 1 } });
  const slots = emit('Sub', [emit('Add', [held, front]), int64([1])]);
  const tokens = emitSizes(emitter, inputs.embeddings, 1, 2);
  return emit('Slice', [slots, emit('Neg', [tokens]), int64([toTheEnd]), int64([1])]);
}
