/**
 * The cost as the literature's tables count it.
 *
 * `4nd^2 + 2n^2d + 3ndm` for a layer of hidden size d and FFN size m that sees n image tokens. The
 * tables print it as TFLOPs; it is a number of multiply-adds, so the floating point operations are
 * twice as many. It leaves out text tokens, grouped-query heads, the vision encoder, the lm head,
 * decoding and the scoring itself: `fullCost` counts those.
 *
 * Source: the tables of TransPrune (CVPR 2026, arXiv 2507.20630), every figure of which it
 * reproduces. The form goes back to FastV (arXiv 2403.06764), where the FFN has two matrices.
 */
import { createPlan, type DecoderConfig, validatePlan } from '@transprune/core';
import { requireCount } from '../arguments.js';
import { ffnKind } from '../layers/index.js';
import type { DecoderDescription } from '../model/decoder.js';
import { type Schedule, tokensPerLayer } from '../tokens.js';

/** The sizes that the formula knows, of layers that are all alike. */
export type PublishedSizes = Pick<DecoderConfig, 'layers' | 'hiddenSize' | 'intermediateSize'>;

/**
 * Multiply-adds of the prefill under the published convention.
 *
 * The formula takes every layer for attention and a gated FFN, whatever it is; where layers differ, m is
 * the width that one token meets in that layer.
 *
 * @param model its decoder is all that counts
 * @param plan only its stages count, whatever the method
 * @throws TransPruneError INVALID_PLAN if the stages do not fit the decoder's depth
 */
export function publishedCost(
  model: { readonly decoder: PublishedSizes | DecoderDescription },
  plan: Schedule,
  imageTokens: number,
): number {
  const { hiddenSize: d } = model.decoder;
  const widths = ffnWidths(model.decoder);
  requireCount('imageTokens', imageTokens);
  validatePlan(createPlan({ stages: plan.stages, method: 'random' }), widths.length);
  return tokensPerLayer(plan, widths.length, imageTokens)
    .map((n, layer) => 4 * n * d ** 2 + 2 * n ** 2 * d + 3 * n * d * (widths[layer] ?? 0))
    .reduce((sum, cost) => sum + cost, 0);
}

/** The formula's m, layer by layer. */
function ffnWidths(decoder: PublishedSizes | DecoderDescription): number[] {
  return 'intermediateSize' in decoder
    ? new Array<number>(decoder.layers).fill(decoder.intermediateSize)
    : decoder.layers.map(({ ffn }) => ffnKind(ffn).width(ffn));
}
