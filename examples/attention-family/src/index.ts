/**
 * `com.example.FusedAttention`, an invented operator: causal attention of queries and keys that are
 * rotated before the node.
 *
 * Inputs: 0 query, 1 key, 2 value, 3 past key, 4 past value, 5 lengths, 6 total length. Outputs: 0 mixed
 * values, 1 present key, 2 present value.
 */
import {
  type AttentionFamily,
  cacheSizes,
  emitLogitsBeside,
  floatAttribute,
  inputAt,
  pathTo,
  queryHeads,
  refuse,
} from '@transprune/onnx/extend';

export const fusedAttention: AttentionFamily = {
  name: 'example-fused',
  read(graph, { where, cache, presentKeyNode: node }) {
    if (node.opType !== 'FusedAttention' || node.domain !== 'com.example') return undefined;
    const [query = '', key = '', value = ''] = node.input;
    const dropout = floatAttribute(node, 'dropout', 0);
    if (dropout !== 0) refuse({ where, expected: 'no dropout', found: `${dropout}`, node });
    const paths = [query, key].map((name) => pathTo(graph, name, where));
    const { kvHeads, headDim } = cacheSizes(graph, cache, where);
    return {
      family: fusedAttention,
      node,
      queries: { value: query, layout: 'flat' },
      keys: { value: key, layout: 'flat' },
      values: value,
      angles: paths.flatMap(({ angles }) => angles),
      shape: {
        heads: queryHeads(graph, node, headDim, where),
        kvHeads,
        headDim,
        scale: floatAttribute(node, 'scale', 1 / Math.sqrt(headDim)),
      },
      derivedInputs: [5, 6].flatMap((i) => inputAt(node, i) ?? []),
    };
  },
  logits: (reading, site) => emitLogitsBeside(reading, site),
  attended: ({ node }) => node.output[0] ?? '',
};
