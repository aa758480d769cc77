/**
 * `CausalConvWithState`, of ONNX Runtime and of opset 27: a causal convolution of each channel over the tokens, with
 * the last inputs of the call before as its state (LFM2, Qwen3.5).
 *
 * Inputs: 0 input `[batch, channels, tokens]`, 1 weight, 2 bias, 3 past state. Outputs: 0 output, 1 present state.
 */
import { checkAttributes, checkFurther } from '../attention/attributes.js';
import type { MixerFamily } from './family.js';
import { moveStateBehindPadding } from './padding.js';
import { checkState, checkWeights, tokensAlong } from './state.js';

export const causalConvolution: MixerFamily = {
  name: 'causal-convolution',
  read(graph, { where, state, reader: node }) {
    const isOwn = node.domain === 'com.microsoft' || node.domain === '';
    if (node.opType !== 'CausalConvWithState' || !isOwn) return undefined;
    const rules = {
      activation: { plain: ['none', 'silu', 'swish'] },
      ndim: { plain: [1], expected: 'a convolution over the tokens alone (ndim = 1)' },
      state_window: { plain: [0], expected: 'one state (state_window = 0)' },
    };
    checkAttributes(node, rules, where);
    checkFurther(node, { inputs: 4, outputs: 2, last: 'past_state' }, where);
    checkState(graph, { where, state, node, input: 3, output: 1 });
    checkWeights(graph, node, [1, 2], where);
    return {
      family: causalConvolution,
      node,
      rules: new Map([[node, (site) => [tokensAlong(site, 0, 2, 3), 'mixed']]]),
    };
  },
  pad: (node, site) => moveStateBehindPadding(node, { state: 3, tokens: 0 }, site),
};
