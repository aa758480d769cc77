/** Part 1, closer: whether what is lost was dropped, or is there and misread. */
import { meanOfPoints } from '@transprune/eval';
import { askQuestions, keptTokens } from '../answers/ask.js';
import { percent, section, table, withInterval } from '../document/markdown.js';
import type { StudyQuestion } from '../questions/held-out.js';
import { mean } from '../statistics/ratio.js';
import type { Study } from '../study.js';
import { masksOf, type Variant } from '../variants/variant.js';
import type { Accuracies } from './accuracy.js';

/** Descriptions name nothing, so the question can't lead to what they are about. */
const describes = ({ kind }: StudyQuestion) => kind === 'describe';

export async function studyObjects(study: Study, accuracies: Accuracies): Promise<string> {
  const tables: string[] = [];
  for (const [setting, results] of accuracies.main) {
    const rows: string[][] = [];
    for (const result of results.filter(({ variant }) => !variant.reduction)) {
      const whole: ReadonlySet<string>[] = [];
      for (const mask of masksOf(result.variant)) whole.push(await withAllObjects(study, mask));
      const cells = [false, true].flatMap((describing) => {
        const asked = study.questions.filter((question) => describes(question) === describing);
        const rightOf = (left: boolean) =>
          asked.flatMap(({ id }) => {
            const masks = result.masks.filter((_, at) => whole[at]?.has(id) === left);
            return masks.length === 0 ? [] : [mean(masks.map((right) => Number(right.get(id))))];
          });
        return [
          percent(mean(whole.map((own) => mean(asked.map(({ id }) => Number(own.has(id))))))),
          ...[true, false].map((left) => withInterval(meanOfPoints(rightOf(left)))),
        ];
      });
      rows.push([result.name, ...cells]);
    }
    const columns = ['all objects left, %', 'right of these, %', 'right of the others, %'];
    const head = [...columns, ...columns.map((column) => `descriptions: ${column}`)];
    tables.push(`**At the cost of ${setting.name}**:`, table(['', ...head], rows));
  }
  return section(
    'Dropped, or misread',
    'An object is left if a patch of it is behind the last prune: a patch tells all about the object that covers it. The objects of a question are those that it names (all of the picture where it names none), those of a description the ones in the third of the picture that it is about. What is wrong though all of its objects are left was not lost by what was dropped, but by how the rest was read: for one, at positions that no longer tell where on the picture a token was. With *positions kept* the tokens that are left stand where they stood, as FastV leaves them; as the authors of TransPrune do it, they are counted anew. Of *random*, a question counts the mean of the random choices that leave its objects, or that do not.',
    ...tables,
  );
}

/** Ids of the questions that have a patch of each of their objects behind the last prune. */
async function withAllObjects(study: Study, variant: Variant): Promise<ReadonlySet<string>> {
  const found = await askQuestions(study.asking, variant, study.questions, {
    part: 'objects',
    async answer(engine, question) {
      const kept = new Set((await keptTokens(engine, question)).at(-1));
      const isLeft = (patches: readonly number[]) => patches.some((patch) => kept.has(patch));
      const all = objectsOf(study, question).every(({ patches }) => isLeft(patches));
      return all ? allLeft : 'not all left';
    },
  });
  return new Set([...found].filter(([, text]) => text === allLeft).map(([id]) => id));
}

const allLeft = 'all left';

function objectsOf({ heldOut }: Study, question: StudyQuestion) {
  const all = heldOut.set.scenes[question.scene]?.objects ?? [];
  if (!describes(question)) return question.objects.flatMap((index) => all[index] ?? []);
  return all.filter(({ place }) => question.text.includes(place.split(' ')[0] ?? ''));
}
