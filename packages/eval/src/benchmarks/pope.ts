import { z } from 'zod';
import type { Benchmark, GroupScore } from '../benchmark.js';
import { grouped, ratio } from '../scoring/tally.js';
import { type YesNo, yesUnlessNo } from '../scoring/yes-no.js';
import { eachAnswered, jsonLines, judgeEach, judging, noteUnknown } from './judge.js';
import { askedIn, type FiledQuestion, questionFile } from './question-file.js';

const splits = ['random', 'popular', 'adversarial'] as const;
const labelSchema = z.object({
  image: z.string(),
  text: z.string(),
  label: z.enum(['yes', 'no']),
});

type Label = z.infer<typeof labelSchema>;

interface Verdict {
  readonly split: string;
  readonly said: YesNo;
  readonly label: YesNo;
}

/** Is an object in the picture? Half of the answers are no. */
export const pope: Benchmark = {
  name: 'pope',
  summary: 'objects that are not there: accuracy, precision, recall, F1 and share of yes, by split',
  source: 'arXiv 2305.10355',
  files: [
    'pope/llava_pope_test.jsonl',
    'pope/val2014/<picture>.jpg',
    'pope/coco/coco_pope_{random,popular,adversarial}.json',
  ],
  async open(folder) {
    const path = 'pope/llava_pope_test.jsonl';
    const questions = await questionFile(folder, {
      path,
      pictures: 'pope/val2014',
      idOf: ({ category, question_id }) => `${category}/${question_id}`,
    });
    // Files count their questions differently: picture and text tell which is which.
    const labels = new Map<string, YesNo>();
    for (const split of splits) {
      const entries = await folder.lines(`pope/coco/coco_pope_${split}.json`, labelSchema);
      const keyOf = ({ image, text }: Label) => `${split} ${image} ${text.trim()}`;
      for (const entry of folder.unique(entries, keyOf)) labels.set(keyOf(entry), entry.label);
    }
    const labelOf = ({ category = '', image, prompt }: FiledQuestion) =>
      labels.get(`${category} ${image} ${askedIn(prompt).trim()}`);
    noteUnknown(folder, 'pope/coco', questions, labelOf);
    const { pointsOf } = judging({
      questions,
      truthOf: labelOf,
      judge: (answer, label) => ({
        groups: [],
        points: yesUnlessNo(answer) === label ? 1 : 0,
        isReadable: true,
      }),
    });
    return {
      questions,
      problems: folder.problems,
      pointsOf,
      score(answers) {
        const { judged, withoutTruth } = judgeEach(
          questions,
          answers,
          labelOf,
          (answer, label, { category = '' }): Verdict => {
            return { split: category, said: yesUnlessNo(answer), label };
          },
        );
        const groups = grouped(judged, ({ split }) => [split], scoreOf);
        return { ...scoreOf(judged), groups, unreadable: 0, withoutTruth };
      },
      official: (answers) =>
        new Map(
          splits.map((split) => {
            const asked = questions.filter(({ category }) => category === split);
            const lines = eachAnswered(asked, answers, ({ prompt }, answer) => ({
              question: askedIn(prompt),
              answer: yesUnlessNo(answer),
            }));
            return [`pope/${split}.jsonl`, jsonLines(lines)];
          }),
        ),
    };
  },
};

/** `yes` is the positive answer. */
function scoreOf(verdicts: readonly Verdict[]): GroupScore {
  const count = (said: YesNo, label: YesNo) =>
    verdicts.filter((verdict) => verdict.said === said && verdict.label === label).length;
  const [truePositive, falsePositive] = [count('yes', 'yes'), count('yes', 'no')];
  const [trueNegative, falseNegative] = [count('no', 'no'), count('no', 'yes')];
  const questions = verdicts.length;
  const precision = ratio(truePositive, truePositive + falsePositive);
  const recall = ratio(truePositive, truePositive + falseNegative);
  return {
    questions,
    metrics: {
      accuracy: ratio(truePositive + trueNegative, questions),
      precision,
      recall,
      f1: ratio(2 * precision * recall, precision + recall),
      yesRatio: ratio(truePositive + falsePositive, questions),
    },
  };
}
