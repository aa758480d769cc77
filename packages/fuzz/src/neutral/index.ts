import {
  permuteFeatures,
  reverseHeads,
  scaleBehindMask,
  shiftKeys,
  shiftLogits,
} from './attention.js';
import { noOp, swapOperands } from './no-ops.js';
import { rescale, rescalePair, rescaleWeight, splitWeight } from './scales.js';
import type { NeutralChange, NeutralScene } from './scene.js';

/** Those with more places are listed more than once. */
const changes: readonly NeutralChange[] = [
  ...[noOp, noOp, noOp, rescale, rescale, rescale, rescalePair, rescalePair, rescalePair],
  ...[reverseHeads, reverseHeads, scaleBehindMask, scaleBehindMask],
  ...[rescaleWeight, splitWeight, swapOperands, permuteFeatures, shiftKeys, shiftLogits],
];

/** Changes a scene in one or two places, so that it computes what it did; answers what was done. */
export function changeNeutrally(found: Omit<NeutralScene, 'fresh'>): string[] {
  let names = 0;
  const scene: NeutralScene = { ...found, fresh: () => `neutral ${names++}` };
  const { random } = scene;
  const wanted = 1 + (random.below(4) === 0 ? 1 : 0);
  const done: string[] = [];
  for (let tries = 0; done.length < wanted && tries < 20; tries++) {
    const said = random.pick(changes)?.(scene);
    if (said !== undefined) done.push(said);
  }
  return done;
}
