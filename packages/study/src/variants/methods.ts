/** Every method at the cost of one of TransPrune's settings. */
import {
  createPlan,
  type MethodName,
  type PrunePlan,
  presetPlan,
  type ReductionName,
  scaledLayers,
} from '@transprune/core';
import { type Costing, costShare, fitPlan, fitReduction, unpruned } from './costs.js';
import type { Variant } from './variant.js';

/** TransPrune at one cost. */
export interface Setting {
  readonly name: string;
  readonly plan: PrunePlan;
  /** Of the unpruned prefill. */
  readonly cost: number;
}

/** Keep ratios beyond Low: half of its last. The study's own choice. */
const harshest = [0.25, 0.0625, 0.03125];

/** High, Low, and one that is harsher, for a decoder of any depth. */
export function settingsOf(costing: Costing): Setting[] {
  const layers = costing.model.decoder.layers.length;
  const high = presetPlan('transprune-high', layers).plan;
  const low = presetPlan('transprune-low', layers).plan;
  const harsh = {
    ...low,
    stages: low.stages.map((stage, at) => ({ ...stage, keepRatio: harshest[at] ?? 1 })),
  };
  return Object.entries({ High: high, Low: low, Harsh: harsh }).map(([name, plan]) => ({
    ...{ name, plan, cost: costShare(costing, { plan }) },
  }));
}

/** Methods that borrow the prunes of TransPrune. */
export const sameSchedule: readonly MethodName[] = [
  'transition',
  'instruction',
  'dash',
  'key-norm',
  'uniform-grid',
  'random',
];

const reductions: readonly ReductionName[] = ['downsample', 'vision-zip', 'div-prune', 'random'];

/**
 * Methods with a schedule of their own, as published for 32 layers. V2Drop is published with its layers and a number of
 * tokens: its keep ratios have the shape of PyramidDrop's here, before they are fitted.
 */
export const ownSchedules: Readonly<Partial<Record<MethodName, Schedule>>> = {
  fastv: { after: [2], keep: [0.5], positions: 'keep' },
  'pyramid-drop': { after: [8, 16, 24], keep: [0.5, 0.25, 0.125], positions: 'renumber' },
  v2drop: { after: [3, 17, 22], keep: [0.5, 0.25, 0.125], positions: 'keep' },
};

interface Schedule extends Required<Pick<PrunePlan, 'positions'>> {
  readonly after: readonly number[];
  readonly keep: readonly number[];
}

/** The same picture in fewer pixels, unpruned. */
export const fewerPixels = 'fewer pixels';

/** What every method has to beat. */
export const baselines: readonly string[] = [
  'random',
  'downsample',
  fewerPixels,
  'fastv',
  'pyramid-drop',
];

/** TransPrune with the positions of the whole prompt, as FastV has them; its authors' code counts them anew. */
const positionsKept = 'transprune, positions kept';

/** Methods that are looked at more closely. */
export const mainMethods: readonly string[] = ['transprune', positionsKept, ...baselines];

/** Methods that the figure shows. */
export const drawnMethods: readonly string[] = [...mainMethods, 'vision-zip', 'div-prune'];

/**
 * Every method at no more than a setting's cost; those that cannot be so cheap are left out.
 *
 * @param imageSize width and height of a picture, in pixels
 * @param masks how often methods that choose by chance are asked
 */
export function methodsAt(
  costing: Costing,
  { imageSize, masks }: { readonly imageSize: number; readonly masks: number },
  { name, plan, cost }: Setting,
): Variant[] {
  const fit = (method: MethodName, shape: PrunePlan): Variant[] => {
    const fitted = fitPlan(costing, { ...shape, method }, cost);
    return fitted ? [{ name: method, plan: fitted }] : [];
  };
  const layers = costing.model.decoder.layers.length;
  const own = Object.entries(ownSchedules).flatMap(([method, schedule]) =>
    fit(method as MethodName, scaled(schedule, layers)),
  );
  const before = reductions.flatMap((method): Variant[] => {
    const reduction = fitReduction(costing, method, cost);
    const called = method === 'random' ? 'random before the decoder' : method;
    return reduction ? [{ name: called, plan: unpruned, reduction }] : [];
  });
  const varied = [
    { name: 'transprune', plan },
    { name: positionsKept, plan: { ...plan, positions: 'keep' } as const },
    ...own,
    ...sameSchedule.flatMap((method) => fit(method, plan)),
    ...before,
    ...smallerPicture(costing, imageSize, cost),
    ...combined(costing, plan, cost),
  ];
  return varied.map((variant) => ({
    ...variant,
    ...(isByChance(variant) && { seeds: seedsOf(masks) }),
    family: variant.name,
    name: `${variant.name}, ${name}`,
  }));
}

/** Keeps the same patches of every picture: those of its seed. */
const isByChance = ({ plan, reduction }: Variant) =>
  reduction ? reduction.method === 'random' : plan.method === 'random';

/** Of so many random choices. */
export const seedsOf = (masks: number) => Array.from({ length: masks }, (_, seed) => seed);

/**
 * A picture with as many pixels a token as the whole one. An encoder of one size sees it blown up, and its features are
 * averaged to the tokens that such a picture has.
 */
function smallerPicture(costing: Costing, imageSize: number, cost: number): Variant[] {
  const grid = Math.round(Math.sqrt(costing.imageTokens));
  for (let side = grid - 1; side > 0; side--) {
    const reduction = { method: 'downsample', tokens: side ** 2 } as const;
    if (costShare(costing, { plan: unpruned, reduction }) > cost) continue;
    const shown = { side: Math.round((imageSize * side) / grid) };
    return [{ name: fewerPixels, plan: unpruned, reduction, shown }];
  }
  return [];
}

/**
 * VisionZip before TransPrune's prunes, as the paper's tables 4 and 5 combine them: half of what is saved is saved by each.
 */
function combined(costing: Costing, plan: PrunePlan, cost: number): Variant[] {
  const reduction = fitReduction(costing, 'vision-zip', (1 + cost) / 2);
  const fitted = reduction && fitPlan(costing, plan, cost, reduction);
  return fitted ? [{ name: 'vision-zip + transprune', plan: fitted, reduction }] : [];
}

/** A schedule for another depth. */
function scaled({ after, keep, positions }: Schedule, layers: number): PrunePlan {
  const stages = scaledLayers(after, layers).map((afterLayer, at) => ({
    ...{ afterLayer, keepRatio: keep[at] ?? 1 },
  }));
  return createPlan({ method: 'random', stages, positions });
}
