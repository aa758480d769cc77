/**
 * `com.microsoft.MultiHeadAttention`: ONNX Runtime's transformer optimizer, and GenAI's builder where
 * GroupQueryAttention is not available.
 *
 * Inputs: 0 query, 1 key, 2 value, 3 bias, 4 key_padding_mask, 5 attention_bias, 6 past key, 7 past
 * value.
 */
import { floatAttribute, inputAt, integerAttribute, outputAt } from '../../graph/graph.js';
import { refuse } from '../refuse.js';
import { type AttributeRules, checkAttributes, checkFurther } from './attributes.js';
import type { AttentionFamily } from './family.js';
import { headSize } from './heads.js';
import { emitLogitsBeside } from './logits.js';
import { pathTo } from './path.js';

const rules: AttributeRules = {
  num_heads: 'any',
  scale: 'any',
  // What blocked keys are given; none of them is scored.
  mask_filter_value: 'any',
  unidirectional: { plain: [0, 1] },
};

export const multiHeadAttention: AttentionFamily = {
  name: 'multi-head-attention',
  read(graph, { where, cache, presentKeyNode: node }) {
    if (node.opType !== 'MultiHeadAttention' || node.domain !== 'com.microsoft') return undefined;
    checkAttributes(node, rules, where);
    checkFurther(node, { inputs: 8, outputs: 3, last: 'past_value' }, where);
    const [query, key, value] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2)];
    if (!query || !key || !value) {
      return refuse({ where, expected: 'query, key and value apart', found: 'a packed one', node });
    }
    const bias = inputAt(node, 3);
    if (bias !== undefined) {
      refuse({ where, expected: 'biases before the node', found: `a bias ${bias}`, node });
    }
    if (integerAttribute(node, 'unidirectional', 0) !== 1 && !inputAt(node, 5)) {
      const expected = 'causal attention: unidirectional = 1, or a mask as attention_bias';
      refuse({ where, expected, found: 'neither', node });
    }
    const heads = integerAttribute(node, 'num_heads', 0);
    const paths = [query, key].map((name) => pathTo(graph, name, where));
    const headDim = headSize(graph, { node, cache, paths, heads, kvHeads: heads, where });
    return {
      family: multiHeadAttention,
      node,
      queries: { value: query, layout: 'flat' },
      keys: { value: key, layout: 'flat' },
      values: value,
      angles: paths.flatMap(({ angles }) => angles),
      shape: {
        heads,
        kvHeads: heads,
        headDim,
        scale: floatAttribute(node, 'scale', 0) || 1 / Math.sqrt(headDim),
      },
      masks: [inputAt(node, 5) ?? []].flat(),
      derivedInputs: [4, 5].flatMap((i) => inputAt(node, i) ?? []),
    };
  },
  logits: (reading, site) => emitLogitsBeside(reading, site),
  attended: ({ node }) => outputAt(node, 0) ?? '',
};
