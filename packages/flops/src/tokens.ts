import { keptImageTokens, type PrunePlan } from '@transprune/core';

/** The part of a plan that decides how many tokens each layer sees. */
export type Schedule = Pick<PrunePlan, 'stages'>;

/**
 * Image tokens that each layer sees, layer 1 first: a prune after layer p is felt from layer p+1 on.
 *
 * @param imageTokens those of a single span, or of all spans if they are ranked together. Under a plan
 *   with `perImage` shares are rounded down span by span: call it for each span and add up
 * @returns `layers` numbers
 */
export function tokensPerLayer(plan: Schedule, layers: number, imageTokens: number): number[] {
  return Array.from({ length: layers }, (_, at) => {
    const stage = plan.stages.findLast(({ afterLayer }) => afterLayer <= at);
    return stage ? keptImageTokens(stage.keepRatio, imageTokens) : imageTokens;
  });
}
