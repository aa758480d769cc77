/**
 * Attention spelled out in plain operators, as PyTorch's exporters write it: keys join the past in a
 * Concat; MatMul, a scale, perhaps a soft cap, a mask, Softmax, MatMul.
 */
import { inputAt, outputAt } from '../../graph/graph.js';
import type { NodeProto } from '../../proto/onnx_pb.js';
import { refuse } from '../refuse.js';
import type { ClassifiedGraph } from '../stream.js';
import { appended, readsBehind } from './cache.js';
import type { AttentionFamily } from './family.js';
import { windowOf } from './mask.js';
import { cacheSizes, pathTo, queryHeads } from './path.js';

/** Operators between the product of queries and keys and the mask. */
const logitOperators = new Set(['Cast', 'Div', 'Mul', 'Tanh']);

export const spelledOutAttention: AttentionFamily = {
  name: 'spelled-out',
  read(graph, { where, cache, presentKeyNode }) {
    const key = appended(graph, cache.presentKey, cache.pastKey);
    const value = appended(graph, cache.presentValue, cache.pastValue);
    if (!key || !value) return undefined;
    const present = cache.pastKey === undefined ? key : (outputAt(presentKeyNode, 0) ?? '');
    const product = readsBehind(graph, present).find(({ node }) => node.opType === 'MatMul');
    if (!product) return undefined;
    const query = inputAt(product.node, 1 - product.input) ?? '';
    if (product.input !== 1) {
      refuse({
        where,
        expected: 'queries times keys',
        found: 'keys times queries',
        node: product.node,
      });
    }
    const { nodes, mask } = logitsBehind(graph, product.node, where);
    const paths = [query, key].map((value) => pathTo(graph, value, where));
    const { kvHeads, headDim } = cacheSizes(graph, cache, where);
    return {
      family: 'spelled-out',
      node: product.node,
      queries: { value: query, layout: 'heads' },
      keys: { value: key, layout: 'heads' },
      values: value,
      angles: paths.flatMap(({ angles }) => angles),
      logitNodes: nodes,
      shape: {
        heads: queryHeads(paths, { kvHeads, headDim }),
        kvHeads,
        headDim,
        // The graph's own nodes scale the logits; this is what they come to.
        scale: 1 / Math.sqrt(headDim),
      },
      window: mask === undefined ? undefined : windowOf(graph, mask),
      sideInputs: mask === undefined ? [] : [mask],
    };
  },
};

/** The nodes from the product to the mask, and the mask. */
function logitsBehind(
  graph: ClassifiedGraph,
  product: NodeProto,
  where: string,
): { nodes: NodeProto[]; mask: string | undefined } {
  const nodes = [product];
  for (let last = product; ; ) {
    const readers = (graph.uses.get(outputAt(last, 0) ?? '') ?? []).filter(
      ({ node }) => node.opType !== 'Shape',
    );
    const next = readers[0]?.node;
    if (next && logitOperators.has(next.opType) && readers.length === 1) {
      nodes.push(next);
      last = next;
      continue;
    }
    if (next?.opType === 'Softmax') return { nodes, mask: undefined };
    const [mask, more] = next?.input.filter((name) => graph.kindOf(name) === 'side') ?? [];
    const isMasked = next?.opType === 'Add' || next?.opType === 'Where';
    const behind = next && readsBehind(graph, outputAt(next, 0) ?? '')[0]?.node;
    if (isMasked && mask !== undefined && more === undefined && behind?.opType === 'Softmax') {
      return { nodes, mask };
    }
    const stranger = isMasked ? behind : next;
    refuse({
      where,
      expected: 'a mask and Softmax behind the product of queries and keys',
      found: stranger?.opType ?? 'nothing',
      node: stranger,
    });
  }
}
