/**
 * Batches with padding for `com.microsoft.GroupQueryAttention`. The node takes one length for each row
 * and reads its cache from the first slot on, so on its own it knows padding behind the tokens only.
 * Here padding in front is told to it as a bias, and counts as length.
 */
import { blockedLogit } from '@transprune/core';
import type { Decoder } from '../decoder/decoder.js';
import type { Emitter } from '../graph/emitter.js';
import { elementType } from '../graph/graph.js';
import { emitSizes } from '../graph/sizes.js';
import { type GraphProto, TensorProto_DataType } from '../proto/onnx_pb.js';
import { insertBefore, type WorkingGraph } from './working-graph.js';

const { FLOAT, FLOAT16, INT32, INT64 } = TensorProto_DataType;
const lowestFloat16 = -65504;
const [lengthsInput, biasInput] = [5, 10];

/** Makes every GroupQueryAttention node take padding on either side. */
export function padGroupQueries(
  around: Emitter,
  graph: WorkingGraph,
  decoder: Decoder,
  source: GraphProto,
): void {
  const nodes = decoder.layers
    .map(({ attention }) => graph.copyOf(attention.reading.node))
    .filter(({ opType }) => opType === 'GroupQueryAttention');
  const [first] = graph.nodes;
  if (nodes.length === 0 || !first) return;
  const emitter = around.child('pruning/padding', { role: 'padding' });
  const { emit, cast: to, int64, float } = emitter;
  const { attentionMask, embeddings } = decoder.inputs;
  const cache = source.input.find(({ name }) => name === decoder.layers[0]?.cache.pastKey);
  let lengths = '';
  let bias = '';
  insertBefore(graph, emitter, first, () => {
    const mask = to(attentionMask, INT64);
    const isFront = emit('Equal', [emit('CumSum', [mask, int64([1], [])]), int64([0])]);
    const front = emit('ReduceSum', [to(isFront, INT64), int64([1])], {
      attributes: { keepdims: 0 },
    });
    const held = emit('ReduceSum', [mask, int64([1])], { attributes: { keepdims: 0 } });
    lengths = to(emit('Sub', [emit('Add', [front, held]), int64([1])]), INT32);
    const blocked = emit('Where', [isFront, float(blockedLogit), float(0)]);
    const sizes = [
      emitSizes(emitter, attentionMask, 0, 1),
      int64([1]),
      emitSizes(emitter, embeddings, 1, 2),
      emitSizes(emitter, attentionMask, 1, 2),
    ];
    const shape = emit('Concat', sizes, { attributes: { axis: 0 } });
    const rows = emit('Expand', [emit('Unsqueeze', [blocked, int64([1, 2])]), shape]);
    const type = elementType(cache) === FLOAT16 ? FLOAT16 : FLOAT;
    bias = type === FLOAT ? rows : to(emit('Max', [rows, float(lowestFloat16)]), type);
  });
  for (const node of nodes) {
    const input = [...node.input];
    while (input.length <= biasInput) input.push('');
    const own = input[biasInput];
    input[lengthsInput] = lengths;
    if (own) {
      insertBefore(graph, emitter, node, () => {
        input[biasInput] = emit('Add', [own, bias]);
      });
    } else input[biasInput] = bias;
    node.input = input;
  }
}
