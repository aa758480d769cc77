/**
 * Caches of latents (DeepSeek V2 and V3, MiniCPM3 in transformers 5): in place of keys and values the cache holds a
 * latent that both are projected from, and the part of the keys that is rotated, one head for all. In every call past
 * and new ones are expanded together to keys and values of all heads.
 */
import { inputAt, integerAttribute, valueShape } from '../../graph/graph.js';
import type { NodeProto } from '../../proto/onnx_pb.js';
import { type ClassifiedGraph, tokensBehind } from '../classified-graph.js';
import type { AttentionReading, LayerCacheNames } from '../decoder.js';
import { isProduct, type Linear, linearInto } from '../linear.js';
import { pathOperators } from '../operators.js';
import { refuse } from '../refuse.js';
import { sizesOf } from '../sizes-of.js';
import { originalOf } from './cache.js';
import { type HeadSizes, outputLinear } from './heads.js';

/** Keys and values that a cache is expanded to. */
export interface Expansion {
  /** The node that multiplies queries and keys, or does all of attention. */
  readonly node: NodeProto;
  /** As the node reads them: past and new ones together. */
  readonly keys: string;
  readonly values: string;
  /** The caches that they are made of. */
  readonly pasts: readonly string[];
}

/** What a cache is expanded to; undefined where it holds keys and values. */
export function expansionOf(
  graph: ClassifiedGraph,
  { presentKey, presentValue, pastKey, pastValue }: LayerCacheNames,
): Expansion | undefined {
  if (pastKey === undefined || pastValue === undefined) return undefined;
  const open = [presentKey, presentValue].map((name) => originalOf(graph, name));
  const expanded = new Set(open);
  const readers = new Set<NodeProto>();
  let isProjected = false;
  // First to last: what is expanded is expanded on.
  for (const name of open) {
    for (const { node } of graph.uses.get(name) ?? []) {
      const isLinear = linearInto(graph, node.output[0] ?? '') !== undefined;
      if (!isLinear && !pathOperators.has(node.opType)) {
        if (node.opType !== 'Shape') readers.add(node);
        continue;
      }
      isProjected ||= isLinear;
      for (const output of node.output) {
        if (expanded.has(output)) continue;
        expanded.add(output);
        open.push(output);
      }
    }
  }
  if (!isProjected) return undefined;
  const isExpanded = (name: string) => expanded.has(name);
  const asks = (node: NodeProto) =>
    ![...tokensBehind(graph, inputAt(node, 0) ?? '', isExpanded)].some(isExpanded);
  const node = [...readers].find(asks);
  const keys = node && inputAt(node, 1);
  // One node takes both, or another one multiplies values.
  const [taker = node, ...more] = [...readers].filter((reader) => reader !== node);
  const values = more.length === 0 ? taker?.input.filter(isExpanded).at(-1) : undefined;
  if (!node || !keys || !values || !isExpanded(keys)) return undefined;
  return { node, keys, values, pasts: [pastKey, pastValue] };
}

/** What a family takes of an expansion. */
type LatentParts = Pick<AttentionReading, 'keys' | 'values' | 'latent'> & {
  readonly sizes: HeadSizes;
};

/**
 * Reads what a cache is expanded to. Heads and their sizes, which latents do not tell, are those that queries are split
 * to, and that attention gives to its last projection; each head has keys and values of its own.
 *
 * @param queries the projections that queries come from
 * @throws TransPruneError UNSUPPORTED_MODEL if queries do not tell their heads
 */
export function readLatent(
  graph: ClassifiedGraph,
  { node, keys, values }: Expansion,
  cache: LayerCacheNames,
  [queries]: readonly Linear[],
  where: string,
): LatentParts {
  const headDim = queries && splitSize(graph, queries.output);
  const heads = (queries?.outFeatures ?? 0) / (headDim ?? 1);
  const valueDim = outputLinear(graph, node, where).inFeatures / heads;
  const isWhole = [heads, valueDim].every((size) => size > 0 && Number.isInteger(size));
  if (!queries || headDim === undefined || !isWhole) {
    return refuse({
      where,
      expected: 'queries that are split into heads of a size that is told, for a cache of latents',
      found: `${queries?.outFeatures ?? 'no'} features, heads of ${headDim ?? '?'}`,
      node,
    });
  }
  const isTransposed = isProduct(node) && integerAttribute(node, 'transB', 0) === 0;
  const [rank, rotated] = [cache.pastKey, cache.pastValue].map((name) => {
    const size = valueShape(graph.input.get(name ?? '')).at(-1);
    return typeof size === 'number' ? size : undefined;
  });
  return {
    keys: { value: keys, layout: isTransposed ? 'transposed' : 'heads' },
    values,
    latent: { rank, rotated, queries },
    sizes: { heads, kvHeads: heads, headDim, valueDim },
  };
}

/** The last size that a projection is reshaped to. */
function splitSize(graph: ClassifiedGraph, value: string): number | undefined {
  for (const { node } of graph.uses.get(value) ?? []) {
    if (node.opType !== 'Reshape') continue;
    const size = sizesOf(graph, inputAt(node, 1) ?? '', () => undefined)?.at(-1);
    if (typeof size === 'number' && size > 0) return size;
  }
  return undefined;
}
