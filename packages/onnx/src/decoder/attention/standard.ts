/**
 * The standard `Attention` operator (opset 23 and later), as torch.export writes it: the cache is
 * joined inside the node, or before it.
 *
 * Inputs: 0 query, 1 key, 2 value, 3 attention mask, 4 past key, 5 past value.
 */
import {
  attribute,
  floatAttribute,
  inputAt,
  integerAttribute,
  integersOf,
  makers,
  outputAt,
} from '../../graph/graph.js';
import type { NodeProto } from '../../proto/onnx_pb.js';
import type { ClassifiedGraph } from '../classified-graph.js';
import type { AttentionReading, Heads } from '../decoder.js';
import { refuse } from '../refuse.js';
import { type AttributeRules, checkAttributes, checkFurther } from './attributes.js';
import { appended, areBorrowed, originalOf, ownReader, readersOfBorrowed } from './cache.js';
import type { AttentionFamily } from './family.js';
import { cacheSizes, type HeadSizes, headSizes } from './heads.js';
import { expansionOf, readLatent } from './latent.js';
import { emitLogitsBeside } from './logits.js';
import { windowOf } from './mask.js';
import { pathTo } from './path.js';

const rules: AttributeRules = {
  q_num_heads: 'any',
  kv_num_heads: 'any',
  scale: 'any',
  softcap: 'any',
  is_causal: { plain: [0, 1] },
  // Of an output that is refused where it is read.
  qk_matmul_output_mode: 'any',
  // Scores are computed in float32 whatever the layer's softmax is.
  softmax_precision: 'any',
};

const understood = {
  inputs: 6,
  outputs: 3,
  last: 'past_value',
  names: { 6: 'lengths of a shared cache' },
} as const;

const isAttention = (node: NodeProto) => node.opType === 'Attention' && node.domain === '';

export const standardAttention: AttentionFamily = {
  name: 'standard-attention',
  read(graph, { where, cache, presentKeyNode }): AttentionReading | undefined {
    const inside = isAttention(presentKeyNode);
    const latent = inside ? undefined : expansionOf(graph, cache);
    if (latent && !isAttention(latent.node)) return undefined;
    const node = inside
      ? presentKeyNode
      : latent
        ? latent.node
        : ownReader(graph, presentKeyNode.output[0] ?? '', isAttention)?.node;
    if (!node) return undefined;
    checkAttributes(node, rules, where);
    checkFurther(node, understood, where);
    const query = inputAt(node, 0) ?? '';
    const key = inside ? inputAt(node, 1) : appended(graph, cache.presentKey, cache.pastKey);
    const value = inside ? inputAt(node, 2) : appended(graph, cache.presentValue, cache.pastValue);
    if (!key || !value) {
      return refuse({
        where,
        expected: 'new keys and values joined to the past',
        found: 'none',
        node,
      });
    }
    if (!inside && !latent) checkRepeated(graph, node, cache.presentKey, where);
    const isCausal = integerAttribute(node, 'is_causal', 0) === 1;
    if (!isCausal && !inputAt(node, 3)) {
      refuse({
        where,
        expected: 'causal attention: is_causal = 1 or a mask',
        found: 'neither',
        node,
      });
    }
    if (isCausal && !inside && cache.pastKey !== undefined) {
      const expected =
        'a mask where the past is joined before the node (is_causal counts from its first key)';
      refuse({ where, expected, found: 'is_causal = 1', node });
    }
    const flat = integerAttribute(node, 'q_num_heads', 0);
    const layout: Heads['layout'] = flat > 0 ? 'flat' : 'heads';
    const paths = [
      pathTo(graph, query, where),
      latent ? pathTo(graph, latent.keys, where, latent.pasts) : pathTo(graph, key, where),
    ];
    const told = flat > 0 ? { ...cacheSizes(graph, cache, where), heads: flat } : undefined;
    const expanded = latent && readLatent(graph, latent, cache, paths[0]?.projections ?? [], where);
    const { sizes, ...parts } = expanded ?? {
      sizes: told ?? headSizes(graph, cache, node, where),
    };
    return {
      ...readNode(graph, node, sizes),
      queries: { value: query, layout },
      keys: { value: key, layout: inside ? layout : 'heads' },
      values: value,
      ...parts,
      angles: paths.flatMap(({ angles }) => angles),
    };
  },

  /** The node takes the lender's present keys and values, and no past besides (Gemma 3n). */
  borrow(graph, { where, node: reader, isInside, lender }) {
    const readers = readersOfBorrowed(graph, reader).filter(isInside);
    const node = readers.find(isAttention);
    if (!node) return undefined;
    checkAttributes(node, rules, where);
    checkFurther(node, understood, where);
    const [query = '', keys = '', values = '', mask = '', past = ''] = node.input;
    const isPlain = past === '' && mask !== '' && integerAttribute(node, 'q_num_heads', 0) === 0;
    const isCausal = integerAttribute(node, 'is_causal', 0) === 1;
    if (!areBorrowed(graph, lender, [keys, values]) || !isPlain || isCausal) {
      const expected = 'the keys and values of one layer, in heads, under a mask, and no others';
      refuse({ where, expected, found: node.input.join(', '), node });
    }
    return {
      ...readNode(graph, node, headSizes(graph, lender, node, where)),
      queries: { value: query, layout: 'heads' },
      keys: { value: originalOf(graph, lender.presentKey), layout: 'heads' },
      values: originalOf(graph, lender.presentValue),
      angles: pathTo(graph, query, where).angles,
    };
  },

  logits: (reading, site) => emitLogitsBeside(reading, site),
  attended: ({ node }) => outputAt(node, 0) ?? '',
};

/** May repeat heads of keys that stand apart, or leaves them as they are. */
const repeating: ReadonlySet<string> = new Set(['Cast', 'Expand', 'Identity', 'Reshape']);

/**
 * Checks that the node reads keys as the cache holds them, for scores are made of those: a head may be repeated, right
 * after itself, `[batch, heads, 1, tokens, head_dim]`.
 */
function checkRepeated(
  graph: ClassifiedGraph,
  node: NodeProto,
  presentKey: string,
  where: string,
): void {
  const present = originalOf(graph, presentKey);
  const keys = inputAt(node, 1) ?? '';
  if (keys === present) return;
  const isFlat = integerAttribute(node, 'q_num_heads', 0) > 0;
  let stranger = node;
  let isRepeated = false;
  // Last to first.
  for (const maker of makers(graph, keys)) {
    stranger = maker;
    if (maker.opType === 'Unsqueeze') {
      const [axis = 0, more] = integersOf({ graph, node: maker }, 'axes', 1) ?? [];
      isRepeated = [2, -3].includes(axis) && more === undefined;
      if (!isRepeated) break;
    } else if (maker.opType === 'Transpose') {
      // To heads side by side, once they are repeated.
      const isTurned = attribute(maker, 'perm')?.ints.join() === '0,2,1,3';
      if (!isFlat || isRepeated || !isTurned) break;
    } else if (!repeating.has(maker.opType)) break;
    if (inputAt(maker, 0) === present) return;
  }
  refuse({
    where,
    expected:
      'keys as the cache holds them, each head repeated right after itself (scores are made of them)',
    found: `${stranger.opType} between the cache and attention`,
    node: stranger,
  });
}

/** What the node says whatever it attends to. */
function readNode(graph: ClassifiedGraph, node: NodeProto, sizes: HeadSizes) {
  const softcap = floatAttribute(node, 'softcap', 0);
  const mask = inputAt(node, 3);
  return {
    family: standardAttention,
    node,
    shape: {
      ...sizes,
      scale: floatAttribute(node, 'scale', 0) || 1 / Math.sqrt(sizes.headDim),
      ...(softcap !== 0 && { softcap }),
    },
    window: mask === undefined ? undefined : windowOf(graph, mask),
    masks: mask === undefined ? [] : [mask],
    derivedInputs: mask === undefined ? [] : [mask],
  };
}
