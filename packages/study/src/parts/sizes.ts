/** Part 4, first: a large picture pruned against a small one unpruned, at equal FLOPs; and questions by their steps. */

import { gain, share } from '@transprune/eval';
import { percent, points, section, table, withInterval } from '../document/markdown.js';
import type { StudyQuestion } from '../questions/held-out.js';
import { answersTo, type Result, type Study } from '../study.js';
import { fewerPixels } from '../variants/methods.js';
import type { Variant } from '../variants/variant.js';
import type { Accuracies } from './accuracy.js';
import { comparisonTable, verdict } from './comparison.js';

export function studySizes(study: Study, { all }: Accuracies): string {
  const { sample, heldOut } = study;
  const blocks = [...all].flatMap(([setting, results]) => {
    const [own] = results;
    const small = results.find(({ family }) => family === fewerPixels);
    if (!own || !small) return [];
    const word = verdict(own, small, sample);
    return [
      comparisonTable([own, { ...small, name: sizeOf(small.variant) }], sample, heldOut.kinds),
      `At the cost of ${setting.name} the large picture, pruned, is ${word === 'not told apart' ? 'not told apart from' : `${word} than`} the small one.`,
    ];
  });
  return section(
    'A large picture pruned, or a small one as it is',
    `*Fewer pixels* from above, by their number: the small picture has as many pixels a token as the large one. The encoder takes pictures of one size: it sees the small one blown up, and its features are averaged to the tokens that such a picture has. ${sample.length} questions.`,
    ...blocks,
  );
}

function sizeOf({ shown, reduction }: Variant): string {
  const { side } = typeof shown === 'object' ? shown : { side: 0 };
  return `${side} x ${side} pixels, ${reduction?.tokens} tokens, unpruned`;
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
