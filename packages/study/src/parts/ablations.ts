/** Part 2: the paper's ablations. */
import { section } from '../document/markdown.js';
import type { Result, Study } from '../study.js';
import { ablationsOf } from '../variants/ablations.js';
import { comparisonTable, resultOf, verdict } from './comparison.js';

export async function studyAblations(study: Study): Promise<string> {
  const { settings, costing, sample, heldOut } = study;
  const [high] = settings;
  if (!high) throw new Error('expected a setting');
  const variants = ablationsOf(high.plan, costing.model.decoder.layers.length);
  const results: Result[] = [];
  for (const variant of variants) results.push(await resultOf(study, variant, sample));
  const [whole, ...others] = results;
  if (!whole) throw new Error('expected TransPrune itself');
  const standing = (word: string) =>
    others.filter((other) => verdict(other, whole, sample) === word).map(({ name }) => name);
  const list = (names: readonly string[]) => (names.length === 0 ? 'none' : names.join('; '));
  return section(
    'What the score is made of',
    `TransPrune-High and what the paper takes away from it or changes, at ${sample.length} questions. Everything else stays; prunes that are shifted change the cost. It prunes after layers ${high.plan.stages.map(({ afterLayer }) => afterLayer).join(', ')} and sums up the transition of layers ${high.plan.accumulateLayers.join(', ')}; what is the same plan on a decoder of this depth is left out.`,
    comparisonTable(results, sample, heldOut.kinds),
    `Better than TransPrune-High: ${list(standing('better'))}. Worse: ${list(standing('worse'))}. The others are not told apart at this number of questions.`,
    'The paper, on LLaVA-1.5-7B: the four direction variants are within 26 points of MME of each other (1,513 to 1,539) and alike on three other benchmarks; prunes shifted by two layers lose up to 61.',
  );
}
