import { counted } from '@transprune/core';
import { z } from 'zod';
import type { Benchmark, GroupScore } from '../benchmark.js';
import type { Folder } from '../reading/folder.js';
import { grouped, ratio } from '../scoring/tally.js';
import { type YesNo, yesUnlessNo } from '../scoring/yes-no.js';
import { eachAnswered, jsonLines, judgeEach, judging, noteUnknown } from './judge.js';
import {
  askedIn,
  type FiledQuestion,
  type LlavaAnswer,
  llavaAnswer,
  questionFile,
} from './question-file.js';

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

/** The labels of a split. */
interface Split {
  readonly name: string;
  readonly path: string;
  /** Its lines, also those that are none. */
  readonly lines: number;
  /** What tells its questions apart, in the order of its lines. */
  readonly keys: readonly string[];
  /** The first of each key. */
  readonly labels: ReadonlyMap<string, YesNo>;
}

/**
 * Tells questions apart by picture and text, for files count them differently, and later ones have rows that earlier ones
 * lack. Some of the earlier, which LLaVA's are made of, misspell a word.
 *
 * @see https://github.com/AoiDragon/POPE/commit/109985c
 */
const keyOf = (split: string, image: string, text: string): string =>
  `${split} ${image} ${text.trim().replace(/\bimange\b/, 'image')}`;

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
    const read: Split[] = [];
    for (const split of splits) read.push(await readSplit(folder, split));
    const labels = new Map(read.flatMap(({ labels }) => [...labels]));
    const keyOfQuestion = ({ category = '', image, prompt }: FiledQuestion) =>
      keyOf(category, image, askedIn(prompt));
    const labelOf = (question: FiledQuestion) => labels.get(keyOfQuestion(question));
    const byKey = new Map(questions.map((question) => [keyOfQuestion(question), question]));
    const answeredOf = ({ keys }: Split, answers: ReadonlyMap<string, string>) =>
      eachAnswered(
        keys.flatMap((key) => byKey.get(key) ?? []),
        answers,
        (question, answer) => ({ question, answer }),
      );
    noteUnknown(folder, 'pope/coco', questions, labelOf);
    const { pointsOf, rightOf } = judging({
      questions,
      truthOf: labelOf,
      wordsOf: (label) => [label],
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
      rightOf,
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
      official(answers) {
        const files = new Map<string, string>();
        const whole: LlavaAnswer[] = [];
        for (const split of read) {
          const answered = answeredOf(split, answers);
          // Scorers pair answers and labels by their places: one that lacks would shift all that follow.
          if (answered.length === 0 || answered.length < split.lines) continue;
          const lines = answered.map(({ question, answer }) => ({
            question: askedIn(question.prompt),
            answer: yesUnlessNo(answer),
          }));
          files.set(`pope/${split.name}.jsonl`, jsonLines(lines));
          whole.push(...answered.map(({ question, answer }) => llavaAnswer(question, answer)));
        }
        if (whole.length > 0) files.set('pope/answers.jsonl', jsonLines(whole));
        return files;
      },
      leftOut: (answers) =>
        read.flatMap((split) => {
          const { length } = answeredOf(split, answers);
          if (length === 0 || length === split.lines) return [];
          const what = `${length} of its ${counted(split.lines, 'question')} answered; the official files lack the split, for the scorer takes a whole one`;
          return [{ where: split.path, what }];
        }),
    };
  },
};

async function readSplit(folder: Folder, name: string): Promise<Split> {
  const path = `pope/coco/coco_pope_${name}.json`;
  const before = folder.problems.length;
  const entries = await folder.lines(path, labelSchema);
  const lines = entries.length + folder.problems.length - before;
  const keyIn = ({ image, text }: Label) => keyOf(name, image, text);
  const single = folder.unique(entries, keyIn);
  const labels = new Map(single.map((entry) => [keyIn(entry), entry.label]));
  return { name, path, lines, keys: entries.map(keyIn), labels };
}

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
