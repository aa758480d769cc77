/**
 * FastV: after one layer, the tokens stay to which the prompt's last token attends most, averaged over heads.
 *
 * Source: "An Image is Worth 1/2 Tokens After Layer 2" (ECCV 2024, arXiv 2403.06764), and its authors' code,
 * where the last token's attention of layer K ranks. Here it is that of layer K + 1, over all tokens, computed
 * before the prune: no more of the decoder runs over tokens that go.
 */
import { createPlan, defineMethod, type PrunePlan } from '@transprune/core';

export const fastV = defineMethod({
  name: 'my-fastv',
  summary: 'the attention of the last token',
  source: 'arXiv 2403.06764',
  needs: ['instructionAttention'],
  asks: 'last-token',
  score: (_, { instructionAttention }) => instructionAttention,
});

/** The published setting: half of the image tokens after layer 2. Positions stay, as in the authors' code. */
export function fastVPlan(afterLayer = 2, keepRatio = 0.5): PrunePlan {
  return createPlan({
    method: fastV,
    stages: [{ afterLayer, keepRatio }],
    positions: 'keep',
  });
}
