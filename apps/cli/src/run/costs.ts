/** What an answer's prefill costs, unpruned and pruned. */
import { askingRows, type PrunePlan, type Reduction } from '@transprune/core';
import type { Model } from '@transprune/flops';
import type { PromptFacts } from '@transprune/vlm';
import { type CostReport, costReport } from '../show/costs.js';

/** @param reduction of a prompt that has all of its image tokens */
export function costsOf(
  model: Model,
  plan: PrunePlan,
  { prompt }: { readonly prompt: Omit<PromptFacts, 'text' | 'imageNumbers'> },
  reduction?: Reduction,
): CostReport {
  const images = new Set(prompt.imagePositions);
  const asking = askingRows({
    count: prompt.imageTokens + prompt.textTokens,
    isImage: (position) => images.has(position),
  });
  return costReport(model, plan, {
    imageTokens: prompt.imageTokens,
    textTokens: prompt.textTokens,
    instructionTokens: asking.length,
    bytesPerElement: 4,
    reduction,
  });
}
