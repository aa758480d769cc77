/**
 * Kept positions: attention nodes that rotate inside take positions from the length of their cache. So
 * behind a prune the rotation is taken out of them, into nodes that are told the positions.
 */
import { create } from '@bufbuild/protobuf';
import type { Decoder, DecoderLayer, Heads } from '../decoder/decoder.js';
import { refuse } from '../decoder/refuse.js';
import { onnxAlgebra } from '../graph/algebra.js';
import type { Emitter } from '../graph/emitter.js';
import { emitRange, emitSizes, toTheEnd } from '../graph/sizes.js';
import { AttributeProtoSchema, TensorProto_DataType } from '../proto/onnx_pb.js';
import { insertBefore, noteAngle, type WorkingGraph } from './working-graph.js';

const microsoft = 'com.microsoft';

/**
 * Makes the layers behind a prune take positions that can be gathered.
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
  const behind = decoder.layers.slice(afterLayer);
  behind.forEach(({ attention: { reading } }, at) => {
    if (reading.window === undefined) return;
    refuse({
      where: `layer ${afterLayer + at + 1}`,
      expected:
        'attention over all tokens for kept positions (a sliding window counts what is left in the cache, not positions; use --positions renumber)',
      found: `a window of ${reading.window} tokens`,
      node: reading.node,
    });
  });
  const fused = behind.filter(({ attention }) => attention.reading.fusedRotary);
  if (fused.length === 0) return;
  const emitter = around.child('pruning/positions', { role: 'positions' });
  const positions = batch ? emitRowPositions(emitter, decoder) : emitPositions(emitter, decoder);
  for (const layer of fused) splitRotary(emitter, graph, layer, positions);
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
 * The same for rows with padding: slots of the node's own cache, which has padding in front of the
 * tokens, and overwrites padding behind them.
 */
function emitRowPositions(emitter: Emitter, { inputs }: Decoder): string {
  const { emit, cast, int64 } = emitter;
  const mask = cast(inputs.attentionMask, TensorProto_DataType.INT64);
  const held = emit('CumSum', [mask, int64([1], [])]);
  const isFront = cast(emit('Equal', [held, int64([0])]), TensorProto_DataType.INT64);
  const front = emit('ReduceSum', [isFront, int64([1])], { attributes: { keepdims: 1 } });
  const slots = emit('Sub', [emit('Add', [held, front]), int64([1])]);
  const tokens = emitSizes(emitter, inputs.embeddings, 1, 2);
  return emit('Slice', [slots, emit('Neg', [tokens]), int64([toTheEnd]), int64([1])]);
}

/** Moves the rotation of queries and keys in front of the node. */
function splitRotary(
  emitter: Emitter,
  graph: WorkingGraph,
  { attention: { reading } }: DecoderLayer,
  positions: string,
): void {
  const { fusedRotary, shape, queries, keys } = reading;
  if (!fusedRotary) return;
  const node = graph.copyOf(reading.node);
  const [query = '', key, value, ...others] = node.input;
  const algebra = onnxAlgebra(emitter);
  const rotate = (x: string, heads: number) => {
    const partly = fusedRotary.rotated < shape.headDim;
    return emitter.emit('RotaryEmbedding', [x, positions, fusedRotary.cos, fusedRotary.sin], {
      domain: microsoft,
      attributes: {
        interleaved: 0,
        num_heads: heads,
        ...(partly && { rotary_embedding_dim: fusedRotary.rotated }),
      },
    });
  };
  const columns = ({ columns: range }: Heads, packed: string) =>
    range ? algebra.slice(packed, -1, range[0], range[1]) : packed;
  const width = (shape.heads + 2 * shape.kvHeads) * shape.headDim;
  const added = insertBefore(graph, emitter, node, () => {
    const rest = keys.columns ? algebra.slice(query, -1, keys.columns[1], width) : (value ?? '');
    const rotated = [
      rotate(columns(queries, query), shape.heads),
      rotate(columns(keys, key || query), shape.kvHeads),
    ];
    node.input = [...rotated, rest, ...others];
  });
  for (const rotation of added.filter(({ opType }) => opType === 'RotaryEmbedding')) {
    noteAngle(graph, { node: rotation, value: positions, axis: -1 });
  }
  const [cos, sin] = [7, 8];
  node.input = node.input.map((name, at) => (at === cos || at === sin ? '' : name));
  while (node.input.at(-1) === '') node.input.pop();
  node.attribute = node.attribute.map((known) =>
    known.name === 'do_rotary' ? create(AttributeProtoSchema, { ...known, i: 0n }) : known,
  );
}
