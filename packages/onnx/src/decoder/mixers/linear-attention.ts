/**
 * `LinearAttention`, of ONNX Runtime and of opset 27: a linear recurrence over the tokens, such as the gated delta
 * rule (Qwen3.5, Qwen3-Next).
 *
 * Inputs: 0 query, 1 key, 2 value, 3 past state, 4 decay, 5 beta, each but the state `[batch, tokens, features]`.
 * Outputs: 0 output `[batch, tokens, heads * value_dim]`, 1 present state.
 */
import { inputAt, integerAttribute } from '../../graph/graph.js';
import { checkAttributes, checkFurther } from '../attention/attributes.js';
import type { AxisRule } from '../token-types.js';
import type { MixerFamily } from './family.js';
import { zeroAtPadding } from './padding.js';
import { checkState, tokensAlong } from './state.js';

/** Inputs that hold something for each token; the last two may be left out. */
const perToken = [0, 1, 2, 4, 5];

export const linearAttention: MixerFamily = {
  name: 'linear-attention',
  read(graph, { where, state, reader: node }) {
    const isOwn = node.domain === 'com.microsoft' || node.domain === '';
    if (node.opType !== 'LinearAttention' || !isOwn) return undefined;
    const rules = {
      q_num_heads: 'any',
      kv_num_heads: 'any',
      scale: 'any',
      // How many tokens are computed together; it changes no result.
      chunk_size: 'any',
      update_rule: { plain: ['linear', 'gated', 'delta', 'gated_delta'] },
      state_window: { plain: [0], expected: 'one state (state_window = 0)' },
    } as const;
    checkAttributes(node, rules, where);
    checkFurther(node, { inputs: 6, outputs: 2, last: 'beta' }, where);
    checkState(graph, { where, state, node, input: 3, output: 1 });
    return { family: linearAttention, node, rules: new Map([[node, recurrence]]) };
  },
  // A key of zeros adds nothing to the state, and a decay of 0, which is a logarithm, leaves it as it is.
  pad(node, site) {
    for (const at of [1, 4]) {
      const value = inputAt(node, at);
      if (value) node.input[at] = zeroAtPadding(value, site);
    }
  },
};

const recurrence: AxisRule = (site) => {
  const { node } = site;
  for (const at of perToken) if (inputAt(node, at)) tokensAlong(site, at, 1, 3);
  const values = tokensAlong(site, 2, 1, 3);
  const [heads, kvHeads] = ['q_num_heads', 'kv_num_heads'].map((name) =>
    integerAttribute(node, name, 0),
  );
  const width = values.dims[2];
  const isKnown = typeof width === 'number' && heads && kvHeads;
  const features = isKnown ? (width / kvHeads) * Math.max(heads, kvHeads) : undefined;
  return [{ dims: ['batch', 'tokens', features], axis: 1 }, 'mixed'];
};
