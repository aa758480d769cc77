/** Where a decoder can be pruned: not every layer may follow a prune. */
import {
  type FittedPlan,
  fitToLayers,
  methodNameOf,
  methodOf,
  type PrunePlan,
  readsNextLayer,
  TransPruneError,
} from '@transprune/core';
import type { Decoder } from './decoder.js';

/**
 * Layers (from 1) that may follow a prune of a method that reads attention: they have attention with keys of their
 * own, and no later layer borrows keys from before the prune, which would still hold the dropped tokens.
 */
export function layersAfterPrunes(decoder: Pick<Decoder, 'layers'>): number[] {
  const { layers } = decoder;
  return layers.flatMap(({ attention }, at) => {
    const hasOwnKeys = attention !== undefined && attention.lender === undefined;
    return hasOwnKeys && borrowerAcross(decoder, at) === undefined ? [at + 1] : [];
  });
}

/** The plan with each prune moved to the nearest depth that this decoder has for it. */
export function fitPlan(plan: PrunePlan, decoder: Pick<Decoder, 'layers'>): FittedPlan {
  return fitToLayers(plan, allowedLayers(plan, decoder));
}

/** Layers (from 1) that may follow a prune of a plan's method. */
function allowedLayers(plan: PrunePlan, decoder: Pick<Decoder, 'layers'>): number[] {
  if (readsNextLayer(methodOf(plan))) return layersAfterPrunes(decoder);
  return decoder.layers.flatMap((_, at) =>
    borrowerAcross(decoder, at) === undefined ? [at + 1] : [],
  );
}

/**
 * Checks that each prune of a plan stands where this decoder can be pruned.
 *
 * @throws TransPruneError INVALID_PLAN with the prune, the reason and the depths that there are
 */
export function checkDepths(plan: PrunePlan, decoder: Pick<Decoder, 'layers'>): void {
  const readsAttention = readsNextLayer(methodOf(plan));
  for (const { afterLayer } of plan.stages) {
    const across = borrowerAcross(decoder, afterLayer);
    const next = decoder.layers[afterLayer]?.attention;
    const reason =
      across !== undefined
        ? `layer ${across + 1} borrows keys and values of layer ${lenderOf(decoder, across) + 1}, which would still hold the dropped tokens`
        : readsAttention && next === undefined
          ? `layer ${afterLayer + 1} has no attention, which ${methodNameOf(plan)} reads of the layer after a prune`
          : undefined;
    if (reason === undefined) continue;
    const allowed = allowedLayers(plan, decoder).flatMap((layer) => (layer > 1 ? [layer - 1] : []));
    throw new TransPruneError(
      'INVALID_PLAN',
      `expected prunes after layers ${allowed.join(', ') || '(none)'} of this decoder, got one after layer ${afterLayer}: ${reason}`,
      { field: 'stages.afterLayer', got: afterLayer, allowed },
    );
  }
}

/** A layer, counted from 0, that would borrow keys across a prune after so many layers. */
function borrowerAcross({ layers }: Pick<Decoder, 'layers'>, prune: number): number | undefined {
  const at = layers.findIndex(({ attention }, layer) => {
    const lender = attention?.lender;
    return lender !== undefined && lender < prune && layer >= prune;
  });
  return at < 0 ? undefined : at;
}

const lenderOf = ({ layers }: Pick<Decoder, 'layers'>, layer: number) =>
  layers[layer]?.attention?.lender ?? 0;
