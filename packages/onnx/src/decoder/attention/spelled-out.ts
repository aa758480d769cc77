/**
 * Attention spelled out in plain operators, as PyTorch's exporters write it: keys join the past in a
 * Concat; MatMul, a scale, perhaps a soft cap, a mask, Softmax, MatMul.
 */
import { floatAttribute, inputAt, integerAttribute, outputAt } from '../../graph/graph.js';
import { toTheEnd } from '../../graph/sizes.js';
import type { NodeProto } from '../../proto/onnx_pb.js';
import { type ClassifiedGraph, numberUses } from '../classified-graph.js';
import { isFusedProduct, isProduct } from '../linear.js';
import { logitOperators } from '../operators.js';
import { refuse } from '../refuse.js';
import { appended, areBorrowed, originalOf, ownReader, readersOfBorrowed } from './cache.js';
import type { AttentionFamily } from './family.js';
import { headSizes } from './heads.js';
import { expansionOf, readLatent } from './latent.js';
import { isScale, windowOf } from './mask.js';
import { pathTo } from './path.js';
import { type SpelledOutSinks, sinksOf } from './sinks.js';

export const spelledOutAttention: AttentionFamily = {
  name: 'spelled-out',
  read(graph, { where, cache, presentKeyNode }) {
    const key = appended(graph, cache.presentKey, cache.pastKey);
    const value = appended(graph, cache.presentValue, cache.pastValue);
    if (!key || !value) return undefined;
    const latent = expansionOf(graph, cache);
    if (latent && !isProduct(latent.node)) return undefined;
    const present = cache.pastKey === undefined ? key : (outputAt(presentKeyNode, 0) ?? '');
    const product = latent ? { node: latent.node, input: 1 } : ownReader(graph, present, isProduct);
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
    const { nodes, mask, sinks } = logitNodesAfter(graph, product.node, where);
    const paths = [
      pathTo(graph, query, where),
      latent ? pathTo(graph, latent.keys, where, latent.pasts) : pathTo(graph, key, where),
    ];
    const expanded = latent && readLatent(graph, latent, cache, paths[0]?.projections ?? [], where);
    const { sizes, ...parts } = expanded ?? {
      sizes: headSizes(graph, cache, product.node, where),
    };
    return {
      family: spelledOutAttention,
      node: product.node,
      queries: { value: query, layout: 'heads' },
      keys: { value: key, layout: 'heads' },
      values: value,
      ...parts,
      angles: paths.flatMap(({ angles }) => angles),
      logitNodes: nodes,
      ...(sinks && { sinks: sinks.value, sinkNodes: sinks.nodes }),
      // The graph's own nodes scale the logits; this is what they come to, but for YaRN.
      shape: { ...sizes, scale: 1 / Math.sqrt(sizes.headDim) },
      window: mask === undefined ? undefined : windowOf(graph, mask),
      masks: mask === undefined ? [] : [mask],
      derivedInputs: mask === undefined ? [] : [mask],
    };
  },

  /** The product reads the lender's present keys, and that of probabilities and values its values (Gemma 3n). */
  borrow(graph, { where, node, isInside, lender }) {
    const readers = readersOfBorrowed(graph, node).filter(isInside);
    const product = readers.find(isProduct);
    if (!product) return undefined;
    const query = inputAt(product, 0) ?? '';
    const { nodes, mask } = logitNodesAfter(graph, product, where);
    const values = productAfter(product, graph.graph.node);
    const operands = [inputAt(product, 1) ?? '', (values && inputAt(values, 1)) ?? ''] as const;
    if (!areBorrowed(graph, lender, operands)) {
      const expected = 'the keys and values of one layer, and no others';
      refuse({ where, expected, found: operands.join(', '), node: product });
    }
    const sizes = headSizes(graph, lender, product, where);
    return {
      family: spelledOutAttention,
      node: product,
      queries: { value: query, layout: 'heads' },
      keys: { value: originalOf(graph, lender.presentKey), layout: 'heads' },
      values: originalOf(graph, lender.presentValue),
      angles: pathTo(graph, query, where).angles,
      logitNodes: nodes,
      shape: { ...sizes, scale: 1 / Math.sqrt(sizes.headDim) },
      window: mask === undefined ? undefined : windowOf(graph, mask),
      masks: mask === undefined ? [] : [mask],
      derivedInputs: mask === undefined ? [] : [mask],
    };
  },

  /** As the graph itself spells them out, for the asking rows only: its nodes from the product to the mask. */
  logits({ logitNodes = [] }, { emitter, start, scored, asFloat }) {
    const { emit, int64 } = emitter;
    const [product, ...others] = logitNodes;
    const operand = (index: number) => scored((product && inputAt(product, index)) ?? '');
    const queries = emit('Slice', [operand(0), start, int64([toTheEnd]), int64([-2])]);
    const operands = [asFloat(queries), asFloat(operand(1))];
    let logits =
      product && isFusedProduct(product)
        ? emit(product.opType, operands, {
            domain: product.domain,
            attributes: {
              alpha: { float: floatAttribute(product, 'alpha', 1) },
              transB: integerAttribute(product, 'transB', 0),
            },
          })
        : emit('MatMul', operands);
    let carried = product && outputAt(product, 0);
    for (const node of others) {
      const inputs = node.input.map((name) => (name === carried ? logits : asFloat(scored(name))));
      if (node.opType !== 'Cast') logits = emit(node.opType, inputs);
      carried = outputAt(node, 0);
    }
    return logits;
  },

  /** The product of probabilities and values: the next product after that of queries and keys. */
  attended: ({ node }, nodes) => outputAt(productAfter(node, nodes) ?? node, 0) ?? '',
};

/** The next product of what a node makes. */
function productAfter(node: NodeProto, nodes: readonly NodeProto[]): NodeProto | undefined {
  const reached = new Set([outputAt(node, 0) ?? '']);
  for (const reader of nodes) {
    if (!reader.input.some((name) => reached.has(name)) || reader.opType === 'Shape') continue;
    if (isProduct(reader)) return reader;
    reached.add(outputAt(reader, 0) ?? '');
  }
  return undefined;
}

/** What alone reads masked logits as they are: of those that are scaled after the mask the score would know nothing. */
function readerOfCopies(graph: ClassifiedGraph, masked: NodeProto): NodeProto | undefined {
  for (let last = masked; ; ) {
    const [next, other] = numberUses(graph, outputAt(last, 0) ?? '').map(({ node }) => node);
    if (other || (next?.opType !== 'Cast' && next?.opType !== 'Identity')) return other ?? next;
    last = next;
  }
}

/** What makes logits of a product. */
interface LogitNodes {
  /** From the product to the mask. */
  readonly nodes: NodeProto[];
  readonly mask: string | undefined;
  readonly sinks?: SpelledOutSinks | undefined;
}

/** The nodes from the product to the mask, the mask, and sinks that are joined to the logits. */
function logitNodesAfter(graph: ClassifiedGraph, product: NodeProto, where: string): LogitNodes {
  const nodes = [product];
  for (let last = product; ; ) {
    const [next, other] = numberUses(graph, outputAt(last, 0) ?? '').map(({ node }) => node);
    if (other) {
      refuse({
        where,
        expected: 'logits that are read once on their way to the mask and Softmax',
        found: other.opType,
        node: other,
      });
    }
    const isScaled = next?.input.every(
      (name) => graph.kindOf(name) !== 'derived' || isScale(graph, name),
    );
    if (next && logitOperators.has(next.opType) && isScaled) {
      nodes.push(next);
      last = next;
      continue;
    }
    if (next?.opType === 'Softmax') return { nodes, mask: undefined };
    const [mask, more] = next?.input.filter((name) => graph.kindOf(name) === 'derived') ?? [];
    const isMasked = next?.opType === 'Add' || next?.opType === 'Where';
    const after = next && readerOfCopies(graph, next);
    if (isMasked && mask !== undefined && more === undefined && after?.opType === 'Softmax') {
      return { nodes, mask };
    }
    const stranger = isMasked ? after : next;
    if (isMasked && mask !== undefined && more === undefined && after?.opType === 'Concat') {
      return { nodes, mask, sinks: sinksOf(graph, after, where) };
    }
    refuse({
      where,
      expected: 'a mask and Softmax after the product of queries and keys',
      found: stranger?.opType ?? 'nothing',
      node: stranger,
    });
  }
}
