/** Part 4, first: a large picture pruned against a small one unpruned, at equal FLOPs; and questions by their steps. */

import { meanOfPoints } from '@transprune/eval';
import { percent, points, section, table, withInterval } from '../document/markdown.js';
import type { StudyQuestion } from '../questions/held-out.js';
import { mean } from '../statistics/ratio.js';
import { answersTo, type Result, type Study } from '../study.js';
import { fewerPixels } from '../variants/methods.js';
import type { Variant } from '../variants/variant.js';
import type { Accuracies } from './accuracy.js';
import { comparisonTable, gain, verdict } from './comparison.js';

export function studySizes(study: Study, { all }: Accuracies): string {
  const { questions, heldOut } = study;
  const blocks = [...all].flatMap(([setting, results]) => {
    const [own] = results;
    const small = results.find(({ family }) => family === fewerPixels);
    if (!own || !small) return [];
    const word = verdict(own, small, questions);
    return [
      `At the cost of ${setting.name} the large picture, pruned, is ${word === 'not told apart' ? 'not told apart from' : `${word} than`} the small one: ${points(gain(own, small, questions))} points.`,
      comparisonTable([own, { ...small, name: sizeOf(small.variant) }], questions, heldOut.kinds),
    ];
  });
  return section(
    'A large picture pruned, or a small one as it is',
    `*Fewer pixels* from above, by their number: the small picture has as many pixels a token as the large one. The encoder takes pictures of one size: it sees the small one blown up, and its features are averaged to the tokens that such a picture has. It was not trained on pictures that are blown up, so what is lost here is lost to that as well as to the pixels. ${questions.length} questions.`,
    ...blocks,
  );
}

function sizeOf({ shown, reduction }: Variant): string {
  const { side } = typeof shown === 'object' ? shown : { side: 0 };
  return `${side} x ${side} pixels, ${reduction?.tokens} tokens, unpruned`;
}

/** What an answer depends on. */
const steps = ['one object', 'two objects', 'all of the picture', 'a third of it, described'];

export function studySteps(
  { questions, unseen, heldOut }: Study,
  { unpruned: whole, main }: Accuracies,
): string {
  const stepOf = ({ kind, scene, objects }: StudyQuestion) => {
    const all = heldOut.set.scenes[scene]?.objects.length ?? 0;
    if (kind === 'describe') return 'a third of it, described';
    if (objects.length === 1) return 'one object';
    return objects.length < all ? 'two objects' : 'all of the picture';
  };
  const groups = steps
    .map((step) => ({ step, asked: questions.filter((question) => stepOf(question) === step) }))
    .filter(({ asked }) => asked.length > 0);
  const twoSteps = unseen.filter((question) => stepOf(question) === 'two objects');
  const compared = ['transprune', 'random'];
  const results = [...main.values()].flatMap((found) =>
    found.filter(({ family }) => compared.includes(family)),
  );
  const row = (result: Result) => [
    result.name,
    ...groups.map(({ asked }) =>
      result === whole
        ? withInterval(meanOfPoints(answersTo(result, asked)))
        : `${percent(mean(answersTo(result, asked)))}, ${points(gain(result, whole, asked))}`,
    ),
  ];
  return section(
    'Questions that take two steps',
    `Two steps mean *two objects* here: each is to be found before they are compared, as in the kind ${[...new Set(twoSteps.map(({ kind }) => `*${kind}*`))].join(', ')}. Nothing harder is asked: no question names one object by way of another. Other answers depend on one object, or on the whole picture. Right answers in percent, and the difference to the unpruned model in points:`,
    table(
      ['', ...groups.map(({ step, asked }) => `${step} (${asked.length})`)],
      [whole, ...results].map(row),
    ),
  );
}
