/** Part 4, first: a large picture pruned against a small one unpruned, at equal FLOPs; and questions by their steps. */

import { gain, share } from '@transprune/eval';
import { percent, points, section, table, withInterval } from '../document/markdown.js';
import type { StudyQuestion } from '../questions/held-out.js';
import { answersTo, type Result, type Study } from '../study.js';
import { costShare, unpruned } from '../variants/costs.js';
import type { Setting } from '../variants/methods.js';
import type { Variant } from '../variants/variant.js';
import type { Accuracies } from './accuracy.js';
import { comparisonTable, resultOf, verdict } from './comparison.js';

/** Of a picture with fewer pixels, with as many tokens as those make; undefined where one token costs too much. */
export function smallPicture(
  { costing, heldOut }: Pick<Study, 'costing' | 'heldOut'>,
  { name, cost }: Setting,
): Variant | undefined {
  const grid = Math.round(Math.sqrt(costing.imageTokens));
  for (let side = grid - 1; side > 0; side--) {
    const reduction = { method: 'downsample', tokens: side ** 2 } as const;
    if (costShare(costing, { plan: unpruned, reduction }) > cost) continue;
    const pixels = Math.round((heldOut.set.imageSize * side) / grid);
    const called = `${pixels} x ${pixels} pixels, ${side ** 2} tokens, unpruned (${name})`;
    return { name: called, plan: unpruned, reduction, shown: { side: pixels } };
  }
  return undefined;
}

export async function studySizes(study: Study, { all }: Accuracies): Promise<string> {
  const { sample, heldOut } = study;
  const blocks: string[] = [];
  for (const [setting, [own]] of all) {
    const variant = smallPicture(study, setting);
    if (!own || !variant) continue;
    const small = await resultOf(study, variant, sample);
    const word = verdict(own, small, sample);
    blocks.push(
      comparisonTable([own, small], sample, heldOut.kinds),
      `At the cost of ${setting.name} the large picture, pruned, is ${word === 'not told apart' ? 'not told apart from' : `${word} than`} the small one.`,
    );
  }
  return section(
    'A large picture pruned, or a small one as it is',
    `The small picture has as many pixels a token as the large one. The encoder takes pictures of one size: it sees the small one blown up, and its features are averaged to the tokens that such a picture has. The decoder was trained on neither. ${sample.length} questions.`,
    ...blocks,
  );
}

/** How many objects an answer depends on. */
const steps = ['one object', 'several objects', 'all of the picture'] as const;

export function studySteps(
  { questions, heldOut }: Study,
  { unpruned: whole, main }: Accuracies,
): string {
  const stepOf = ({ scene, objects }: StudyQuestion) => {
    const all = heldOut.set.scenes[scene]?.objects.length ?? 0;
    if (objects.length === 1) return 'one object';
    return objects.length < all ? 'several objects' : 'all of the picture';
  };
  const groups = steps
    .map((step) => ({ step, asked: questions.filter((question) => stepOf(question) === step) }))
    .filter(({ asked }) => asked.length > 0);
  const compared = ['transprune', 'random'];
  const results = [...main.values()].flatMap((found) =>
    found.filter(({ family }) => compared.includes(family)),
  );
  const row = (result: Result) => [
    result.name,
    ...groups.map(({ asked }) =>
      result === whole
        ? withInterval(share(answersTo(result, asked)))
        : `${percent(share(answersTo(result, asked)).value)}, ${points(gain(answersTo(result, asked), answersTo(whole, asked)))}`,
    ),
  ];
  return section(
    'Questions that take two steps',
    'Some answers depend on one object, others on several, as when one is to be found by another, or on the whole picture. Right answers in percent, and the difference to the unpruned model in points:',
    table(
      ['', ...groups.map(({ step, asked }) => `${step} (${asked.length})`)],
      [whole, ...results].map(row),
    ),
  );
}
