/**
 * What the pruning itself costs: core's formulas, read as counts, and the projections that have to be
 * made for tokens that are then dropped. Left out: top-k and gather, which only compare and move.
 */
import {
  attentionLogits,
  attentionUpdate,
  carriesTransition,
  instructionAttention,
  keyNorm,
  layerTransition,
  layerVariation,
  type ModulePass,
  methodOf,
  newlyAccumulatedLayers,
  type PrunePlan,
  readsNextLayer,
  rotate,
  type SignalName,
  signalsFor,
  splitHeads,
  type TensorAlgebra,
  TransPruneError,
} from '@transprune/core';
import { costAlgebra, inMultiplyAdds, type OperationCount, type Shape } from '../algebra/cost.js';
import { hasAttention, type Mixer, mixerKind } from '../layers/index.js';
import type { DecoderDescription } from '../model/decoder.js';
import { tokensPerLayer } from '../tokens.js';

export interface ScoringCost extends OperationCount {
  /**
   * Multiply-adds of q, k and v for tokens that the prune drops. A method that reads the attention of
   * the layer after the prune needs that layer's projections of all tokens; they are made once, for
   * q, k and v alike as packed graphs hold them in one matrix, and gathered afterwards.
   */
  readonly earlyProjections: number;
  /** `earlyProjections + multiplyAdds + elementwise / 2`. */
  readonly total: number;
}

/** How many tokens there are; batch size 1. */
export interface TokenCounts {
  readonly imageTokens: number;
  readonly textTokens: number;
  /** Text tokens after the last image token. */
  readonly instructionTokens: number;
}

/**
 * What scoring adds to a prefill under this plan.
 *
 * @throws TransPruneError INVALID_PLAN if the method reads attention and the layer after a prune has none
 */
export function scoringCost(
  decoder: DecoderDescription,
  plan: PrunePlan,
  { imageTokens, textTokens, instructionTokens }: TokenCounts,
): ScoringCost {
  const { algebra, count } = costAlgebra();
  const method = methodOf(plan);
  const { needs, asks, score } = method;
  const perLayer = tokensPerLayer(plan, decoder.layers.length, imageTokens);
  const rows = asks === 'last-token' ? 1 : Math.max(1, instructionTokens);
  let earlyProjections = 0;
  let transition: Shape | undefined;

  plan.stages.forEach(({ afterLayer }, stage) => {
    const before = perLayer[afterLayer - 1] ?? 0;
    const dropped = before - (perLayer[afterLayer] ?? 0);
    const tokens = before + textTokens;
    if (imageTokens === 0) return;
    if (needs.includes('transition')) {
      // The survivors' rows of what was summed up so far.
      const survivors: Shape | undefined =
        transition && carriesTransition(plan) ? [1, tokens] : undefined;
      transition = newlyAccumulatedLayers(plan, stage)
        .map(() => layerTransition(algebra, layerPasses(decoder, tokens), plan))
        .reduce(
          (sum: Shape | undefined, value) => (sum ? algebra.add(sum, value) : value),
          survivors,
        );
    }
    const perToken = (): Shape => [1, tokens];
    const signals: Record<SignalName, () => Shape> = {
      transition: () => transition ?? perToken(),
      instructionAttention: () => attentionAfter(algebra, decoder, afterLayer, tokens, rows),
      variation: () => layerVariation(algebra, layerPasses(decoder, tokens)),
      attentionUpdate: () => attentionUpdate(algebra, layerPasses(decoder, tokens)),
      keyNorm: () => keyNorm(algebra, keysAfter(decoder, afterLayer, tokens)),
      noise: perToken,
      spread: perToken,
    };
    score(algebra, signalsFor(method, signals), perToken());
    if (readsNextLayer(method)) {
      earlyProjections += dropped * projectionsAfter(decoder, afterLayer);
    }
  });
  const operations = count();
  return { ...operations, earlyProjections, total: earlyProjections + inMultiplyAdds(operations) };
}

/** What attention and FFN of a layer read and write. */
function layerPasses({ hiddenSize }: DecoderDescription, tokens: number): ModulePass<Shape>[] {
  const stream: Shape = [1, tokens, hiddenSize];
  const module = { input: stream, output: stream };
  return [module, module];
}

function keysAfter({ layers }: DecoderDescription, afterLayer: number, tokens: number): Shape {
  const { kvHeads, headDim } = scoredHeads(layers[afterLayer]?.mixer, afterLayer);
  return [1, kvHeads, tokens, headDim];
}

/** Multiply-adds of q, k and v for one token in the layer after a prune. */
function projectionsAfter({ layers, hiddenSize }: DecoderDescription, afterLayer: number): number {
  const mixer = layers[afterLayer]?.mixer;
  return (mixer && mixerKind(mixer).queryKeyValue(mixer, hiddenSize)) ?? 0;
}

/** Heads that are compared, and how much of each is rotated. */
interface ScoredHeads {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly rotaryDim: number;
}

function scoredHeads(mixer: Mixer | undefined, afterLayer: number): ScoredHeads {
  if (!mixer || !hasAttention(mixer)) {
    throw new TransPruneError(
      'INVALID_PLAN',
      `the method reads the attention of the layer after a prune, and layer ${afterLayer + 1} has none (${mixer?.kind}); fitToAttentionLayers moves the prunes`,
      { field: 'stages.afterLayer', got: afterLayer },
    );
  }
  if (mixer.kind === 'attention') return { ...mixer, rotaryDim: mixer.headDim };
  const { heads, plainDim, rotaryDim } = mixer;
  return { heads, kvHeads: heads, headDim: plainDim + rotaryDim, rotaryDim };
}

function attentionAfter(
  algebra: TensorAlgebra<Shape>,
  { layers }: DecoderDescription,
  afterLayer: number,
  tokens: number,
  rows: number,
): Shape {
  const { heads, kvHeads, headDim, rotaryDim } = scoredHeads(layers[afterLayer]?.mixer, afterLayer);
  const rotated = (length: number, headCount: number) => {
    const projected: Shape = [1, length, headCount * headDim];
    const table = { cos: [length, rotaryDim / 2], sin: [length, rotaryDim / 2] };
    const split = splitHeads(algebra, projected, headCount, headDim);
    if (rotaryDim === headDim) return rotate<Shape>(algebra, split, table, rotaryDim);
    const part = algebra.slice(split, -1, 0, rotaryDim);
    const plain = algebra.slice(split, -1, rotaryDim, headDim);
    return algebra.concat([plain, rotate<Shape>(algebra, part, table, rotaryDim)], -1);
  };
  const shape = { heads, kvHeads, headDim, scale: 1 / Math.sqrt(headDim) };
  const logits = attentionLogits(algebra, rotated(rows, heads), rotated(tokens, kvHeads), shape);
  return instructionAttention<Shape>(algebra, { logits, bias: [rows, tokens] });
}
