/** Part 2: the paper's ablations. */
import { points, section } from '../document/markdown.js';
import type { Result, Study } from '../study.js';
import { ablationsOf } from '../variants/ablations.js';
import { comparisonTable, gain, resultOf, verdict } from './comparison.js';

export async function studyAblations(study: Study): Promise<string> {
  const { settings, costing, questions, heldOut } = study;
  const [high] = settings;
  if (!high) throw new Error('expected a setting');
  const variants = ablationsOf(high.plan, costing.model.decoder.layers.length);
  const results: Result[] = [];
  for (const variant of variants) results.push(await resultOf(study, variant, questions));
  const [whole, ...others] = results;
  if (!whole) throw new Error('expected TransPrune itself');
  const standing = (word: string) =>
    others
      .filter((other) => verdict(other, whole, questions) === word)
      .map((other) => `${other.name} (${points(gain(other, whole, questions))})`);
  const list = (names: readonly string[]) => (names.length === 0 ? 'none' : names.join('; '));
  return section(
    'What the score is made of',
    `TransPrune-High and what the paper takes away from it or changes, at ${questions.length} questions. Everything else stays; prunes that are shifted change the cost. It prunes after layers ${high.plan.stages.map(({ afterLayer }) => afterLayer).join(', ')} and sums up the transition of layers ${high.plan.accumulateLayers.join(', ')}; what is the same plan on a decoder of this depth is left out. With a *keep mass* a prune leaves no more tokens than hold that share of the score, and no more than High leaves; the cost is the mean of what was really kept.`,
    `Better than TransPrune-High, in points: ${list(standing('better'))}. Worse: ${list(standing('worse'))}. The others are not told apart at this number of questions.`,
    comparisonTable(results, questions, heldOut.kinds),
    'The paper, on LLaVA-1.5-7B: the four direction variants are within 26 points of MME of each other (1,513 to 1,539) and alike on three other benchmarks; prunes shifted by two layers lose up to 61.',
  );
}
