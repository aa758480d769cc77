/** What an answer's prefill costs, unpruned and pruned. */
import { askingRows } from '@transprune/core';
import type { VlmFiles } from '@transprune/files';
import { llamaDecoder } from '@transprune/flops';
import type { PromptFacts } from '@transprune/vlm';
import { configuredModel } from '../model/costing.js';
import { decoderModel } from '../model/sizes.js';
import { type CostReport, costReport } from '../show/costs.js';
import type { PrunedDecoder } from './decoder.js';

/**
 * The decoder's sizes are the graph's; those of the vision encoder are in `config.json`, and left out where that is
 * not understood.
 */
export async function costsOf(
  files: VlmFiles,
  { decoder, chosen }: Pick<PrunedDecoder, 'decoder' | 'chosen'>,
  { prompt }: { readonly prompt: Omit<PromptFacts, 'text' | 'imageNumbers'> },
): Promise<CostReport> {
  const model = (await configuredModel(files)) ?? decoderModel(files.name, decoder, 0);
  const images = new Set(prompt.imagePositions);
  const asking = askingRows({
    count: prompt.imageTokens + prompt.textTokens,
    isImage: (position) => images.has(position),
  });
  return costReport({ ...model, decoder: llamaDecoder(decoder) }, chosen.plan, {
    imageTokens: prompt.imageTokens,
    textTokens: prompt.textTokens,
    instructionTokens: asking.length,
    bytesPerElement: 4,
  });
}
