/**
 * `com.microsoft.GroupQueryAttention`, with rotary embedding inside the node or before it: ONNX Runtime
 * GenAI's builder, ONNX Runtime's transformer optimizer, most browser exports.
 *
 * Inputs: 0 query or packed query-key-value, 1 key, 2 value, 3 past key, 4 past value, 5 seqlens_k,
 * 6 total_sequence_length, 7 cos_cache, 8 sin_cache, 9 position_ids, 10 attention_bias, 11 head_sink,
 * 14 q_norm_weight, 15 k_norm_weight.
 *
 * The node takes one length for each row and reads its cache from the first slot on, so on its own it knows
 * padding after the tokens only. Padding before them is told to it as a bias, and counts as length.
 */
import { create } from '@bufbuild/protobuf';
import { blockedLogit } from '@transprune/core';
import { onnxAlgebra } from '../../graph/algebra.js';
import {
  constantIntegers,
  constantShape,
  floatAttribute,
  inputAt,
  integerAttribute,
  outputAt,
} from '../../graph/graph.js';
import { emitSizes } from '../../graph/sizes.js';
import { AttributeProtoSchema, type NodeProto, TensorProto_DataType } from '../../proto/onnx_pb.js';
import type { ClassifiedGraph } from '../classified-graph.js';
import type { FusedNorms, FusedRotary, Heads } from '../decoder.js';
import { refuse } from '../refuse.js';
import { type AttributeRules, checkAttributes, checkFurther } from './attributes.js';
import { originalOf } from './cache.js';
import type { AttentionFamily } from './family.js';
import { cacheSizes, headSize } from './heads.js';
import { emitInside } from './inside.js';
import { emitLogitsBeside } from './logits.js';
import { pathTo } from './path.js';

/** Where the operator takes what. */
const input = {
  query: 0,
  key: 1,
  value: 2,
  pastKey: 3,
  lengths: 5,
  totalLength: 6,
  cos: 7,
  sin: 8,
  positions: 9,
  bias: 10,
  sinks: 11,
  scales: [12, 13],
  queryNorm: 14,
  keyNorm: 15,
} as const;

/** The operator's attributes; -1 is how some versions spell a default. */
const rules: AttributeRules = {
  num_heads: 'any',
  kv_num_heads: 'any',
  scale: 'any',
  softcap: 'any',
  local_window_size: 'any',
  do_rotary: 'any',
  qk_norm_epsilon: 'any',
  rotary_interleaved: { plain: [0, 1, -1] },
  smooth_softmax: { plain: [0, -1], expected: 'a plain softmax (smooth_softmax = 0)' },
  sliding_window_cache: {
    plain: [0],
    expected:
      'a cache of every token (build with windowed_kv_cache=false, so that sliding_window_cache = 0)',
  },
  causal: { plain: [1, -1], expected: 'causal attention (causal = 1)' },
  qk_output: { plain: [0, -1], expected: 'attention that does not give its logits out' },
  k_quant_type: { plain: ['NONE', 0], expected: 'a cache of floats (k_quant_type = NONE)' },
  v_quant_type: { plain: ['NONE', 0], expected: 'a cache of floats (v_quant_type = NONE)' },
  kv_cache_bit_width: { plain: [0], expected: 'a cache of floats (kv_cache_bit_width = 0)' },
};

const understood = { inputs: input.keyNorm + 1, outputs: 3, last: 'k_norm_weight' } as const;

const { FLOAT16, INT32, INT64 } = TensorProto_DataType;
const lowestFloat16 = -65504;

/** Inputs of a node that norms and rotates; nodes before it do that in its place. */
const madeOutside: ReadonlySet<number> = new Set([
  input.cos,
  input.sin,
  input.queryNorm,
  input.keyNorm,
]);

export const groupQueryAttention: AttentionFamily = {
  name: 'group-query-attention',
  isToldLengths: true,
  read(graph, { where, cache, presentKeyNode: node }) {
    if (node.opType !== 'GroupQueryAttention' || node.domain !== 'com.microsoft') return undefined;
    const [query = '', key, value] = [input.query, input.key, input.value].map((at) =>
      inputAt(node, at),
    );
    if (!key !== !value) {
      const expected = 'key and value both packed or both separate';
      refuse({ where, expected, found: `${key}, ${value}`, node });
    }
    checkNode(graph, node, where);
    const { heads, kvHeads } = headCounts(node);
    const paths = (key ? [query, key] : [query]).map((name) => pathTo(graph, name, where));
    const headDim = headSize(graph, { node, cache, paths, heads, kvHeads, where });
    const parts = { queries: heads * headDim, keys: kvHeads * headDim };
    const queries: Heads = { value: query, layout: 'flat' };
    const keys: Heads = { value: key ?? query, layout: 'flat' };
    return {
      ...readNode(node, headDim),
      fusedNorms: readNorms(graph, node, headDim, where),
      queries: key ? queries : { ...queries, columns: [0, parts.queries] },
      keys: key ? keys : { ...keys, columns: [parts.queries, parts.queries + parts.keys] },
      values: value ?? query,
      fusedRotary: readRotary(graph, node, where),
      angles: paths.flatMap(({ angles }) => angles),
    };
  },

  /** The node takes the lender's present as its past, and no keys and values besides (Gemma 3n, Gemma 4). */
  borrow(graph, { where, node, lender }) {
    if (node.opType !== 'GroupQueryAttention' || node.domain !== 'com.microsoft') return undefined;
    checkNode(graph, node, where);
    const [query = '', key = '', value = ''] = node.input;
    const isBorrowed = [lender.presentKey, lender.presentValue].every(
      (name, at) => originalOf(graph, name) === inputAt(node, input.pastKey + at),
    );
    if (!isBorrowed || !holdsNoTokens(graph, key) || !holdsNoTokens(graph, value)) {
      const expected =
        'the keys and values that one layer has appended its tokens to, and no others';
      refuse({ where, expected, found: node.input.slice(1, 5).join(', '), node });
    }
    if (integerAttribute(node, 'do_rotary', 0) !== 0) {
      const expected = 'queries that are rotated before the node, where keys are borrowed';
      refuse({ where, expected, found: 'do_rotary = 1', node });
    }
    const { angles } = pathTo(graph, query, where);
    const { headDim } = cacheSizes(graph, lender, where);
    return {
      ...readNode(node, headDim),
      queries: { value: query, layout: 'flat' },
      keys: { value: lender.presentKey, layout: 'heads' },
      values: lender.presentValue,
      noTokens: [key, value],
      angles,
    };
  },

  logits(reading, site) {
    const inside = emitInside(reading, site.constant);
    return emitLogitsBeside(reading, site, (x, of, start) =>
      inside(site.emitter, x, of, () => site.positions(start)),
    );
  },

  attended: ({ node }) => outputAt(node, 0) ?? '',

  rotateOutside(reading, node, emitter, positions) {
    const { fusedRotary, shape, queries, keys } = reading;
    if (!fusedRotary) return;
    const [query = '', key, value, ...others] = node.input;
    const algebra = onnxAlgebra(emitter);
    const columns = ({ columns: range }: Heads, packed: string) =>
      range ? algebra.slice(packed, -1, range[0], range[1]) : packed;
    const inside = emitInside(reading);
    const prepared = (heads: Heads, packed: string, of: 'queries' | 'keys') =>
      inside(emitter, columns(heads, packed), of, () => positions);
    const width = (shape.heads + 2 * shape.kvHeads) * shape.headDim;
    const values = keys.columns ? algebra.slice(query, -1, keys.columns[1], width) : (value ?? '');
    const apart = [
      prepared(queries, query, 'queries'),
      prepared(keys, key || query, 'keys'),
      values,
      ...others,
    ];
    node.input = apart.map((name, at) => (madeOutside.has(at) ? '' : name));
    while (node.input.at(-1) === '') node.input.pop();
    node.attribute = node.attribute.map((known) =>
      known.name === 'do_rotary' ? create(AttributeProtoSchema, { ...known, i: 0n }) : known,
    );
  },

  pad(node, { emitter, inputs: { attentionMask, embeddings }, cacheType }) {
    const { emit, cast, int64, float } = emitter;
    const sum = (x: string) => emit('ReduceSum', [x, int64([1])], { attributes: { keepdims: 0 } });
    const mask = cast(attentionMask, INT64);
    const isFront = emit('Equal', [emit('CumSum', [mask, int64([1], [])]), int64([0])]);
    const lengths = emit('Sub', [emit('Add', [sum(cast(isFront, INT64)), sum(mask)]), int64([1])]);
    const blocked = emit('Where', [isFront, float(blockedLogit), float(0)]);
    const sizes = [
      emitSizes(emitter, attentionMask, 0, 1),
      int64([1]),
      emitSizes(emitter, embeddings, 1, 2),
      emitSizes(emitter, attentionMask, 1, 2),
    ];
    const shape = emit('Concat', sizes, { attributes: { axis: 0 } });
    const rows = emit('Expand', [emit('Unsqueeze', [blocked, int64([1, 2])]), shape]);
    const bias =
      cacheType === FLOAT16 ? cast(emit('Max', [rows, float(lowestFloat16)]), FLOAT16) : rows;
    const own = inputAt(node, input.bias);
    while (node.input.length <= input.bias) node.input.push('');
    node.input[input.lengths] = cast(lengths, INT32);
    node.input[input.bias] = own ? emit('Add', [own, bias]) : bias;
  },
};

/** Checks what the node is told besides queries, keys and values. */
function checkNode(graph: ClassifiedGraph, node: NodeProto, where: string): void {
  checkAttributes(node, rules, where);
  const positions = inputAt(node, input.positions);
  if (positions !== undefined) {
    const expected = 'positions from the cache length';
    refuse({ where, expected, found: `position_ids ${positions}`, node });
  }
  checkFurther(node, understood, where);
  for (const at of input.scales) {
    const found = inputAt(node, at);
    if (found === undefined) continue;
    refuse({
      where,
      expected: 'a cache of floats',
      found: `scales of a quantized cache: ${found}`,
      node,
    });
  }
  const sinks = inputAt(node, input.sinks);
  if (sinks !== undefined && constantShape(graph, sinks)?.length !== 1) {
    refuse({ where, expected: 'constant attention sinks, one for each head', found: sinks, node });
  }
}

const headCounts = (node: NodeProto) => ({
  heads: integerAttribute(node, 'num_heads', 0),
  kvHeads: integerAttribute(node, 'kv_num_heads', 0),
});

/** What the node says whatever it attends to. */
function readNode(node: NodeProto, headDim: number) {
  const softcap = floatAttribute(node, 'softcap', 0);
  const window = integerAttribute(node, 'local_window_size', -1);
  return {
    family: groupQueryAttention,
    node,
    shape: {
      ...headCounts(node),
      headDim,
      // A scale of 0 stands for the operator's default.
      scale: floatAttribute(node, 'scale', 0) || 1 / Math.sqrt(headDim),
      ...(softcap !== 0 && { softcap }),
    },
    window: window > 0 ? window : undefined,
    sinks: inputAt(node, input.sinks),
    masks: [inputAt(node, input.bias) ?? []].flat(),
    derivedInputs: [input.lengths, input.totalLength, input.bias].flatMap(
      (i) => inputAt(node, i) ?? [],
    ),
  };
}

function readRotary(
  graph: ClassifiedGraph,
  node: NodeProto,
  where: string,
): FusedRotary | undefined {
  if (integerAttribute(node, 'do_rotary', 0) === 0) return undefined;
  const [cos, sin] = [inputAt(node, input.cos), inputAt(node, input.sin)];
  const half = cos ? constantShape(graph, cos)?.[1] : undefined;
  if (!cos || !sin || half === undefined) {
    return refuse({ where, expected: 'constant cos and sin caches', found: cos ?? 'none', node });
  }
  const interleaved = integerAttribute(node, 'rotary_interleaved', 0) === 1;
  return { cos, sin, rotated: 2 * half, interleaved };
}

function readNorms(
  graph: ClassifiedGraph,
  node: NodeProto,
  headDim: number,
  where: string,
): FusedNorms | undefined {
  const [queries, keys] = [inputAt(node, input.queryNorm), inputAt(node, input.keyNorm)];
  if (queries === undefined && keys === undefined) return undefined;
  const isOfHeads = (name: string | undefined) =>
    name !== undefined && constantShape(graph, name)?.join() === `${headDim}`;
  if (queries === undefined || keys === undefined || !isOfHeads(queries) || !isOfHeads(keys)) {
    const expected = `two constant norms of ${headDim} features, of queries and of keys (fuse_qk_norm_gqa=false builds them outside the node)`;
    return refuse({ where, expected, found: `${queries} and ${keys}`, node });
  }
  return { queries, keys, epsilon: floatAttribute(node, 'qk_norm_epsilon', 1e-6) };
}

/** True for a slice of `[batch, tokens, features]` that takes no token, which is how a node gets no keys. */
function holdsNoTokens(graph: ClassifiedGraph, value: string): boolean {
  const node = graph.producer.get(value);
  if (node?.opType !== 'Slice') return false;
  const [starts, ends, axes] = [1, 2, 3].map((at) =>
    constantIntegers(graph, inputAt(node, at) ?? ''),
  );
  const at = axes?.indexOf(1) ?? -1;
  return at >= 0 && starts?.[at] === 0 && ends?.[at] === 0 && inputAt(node, 4) === undefined;
}
