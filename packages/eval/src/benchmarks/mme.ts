import { counted, TransPruneError } from '@transprune/core';
import { z } from 'zod';
import type { Benchmark, GroupScore, Problem } from '../benchmark.js';
import type { Folder } from '../reading/folder.js';
import { groupBy, grouped, ratio } from '../scoring/tally.js';
import { type YesNo, yesNoAtStart } from '../scoring/yes-no.js';
import { jsonLines, judgeEach, noteUnknown } from './judge.js';
import {
  type FiledQuestion,
  llavaAnswer,
  questionFile,
  shortInstruction,
} from './question-file.js';

const cognition: readonly string[] = [
  'commonsense_reasoning',
  'numerical_calculation',
  'text_translation',
  'code_reasoning',
];

const release = 'MME/MME_Benchmark_release_version';
const truthSchema = z.enum(['Yes', 'No']);

interface Truth {
  readonly label: YesNo;
  /** The question as the release has it. */
  readonly text: string;
}

interface Verdict {
  readonly category: string;
  readonly picture: string;
  readonly said: YesNo | undefined;
  readonly label: YesNo;
}

/** Two questions a picture, one with yes and one with no as the answer. */
export const mme: Benchmark = {
  name: 'mme',
  summary:
    'perception and cognition in points: 100 for all questions, 100 for all pairs, of each category',
  source: 'arXiv 2306.13394',
  files: [
    'MME/llava_mme.jsonl',
    `${release}/<category>/<picture>`,
    `${release}/<category>/[questions_answers_YN/]<picture>.txt`,
  ],
  async open(folder) {
    // A picture has two questions of one id: the text tells them apart.
    const filed = await questionFile(folder, {
      path: 'MME/llava_mme.jsonl',
      pictures: release,
      idOf: ({ question_id, text }) => `${question_id} ${plain(text)}`,
    });
    const truth = await readTruth(folder, filed);
    noteUnknown(folder, release, filed, ({ id }) => truth.get(id));
    const pairsIn = (answers: ReadonlyMap<string, string>) =>
      pairsOf(
        filed.flatMap((question) => {
          const { id, image: picture, category = '' } = question;
          const [answer, right] = [answers.get(id), truth.get(id)];
          if (answer === undefined || !right) return [];
          return [{ category, picture, question, text: oneLine(answer), right }];
        }),
      );
    return {
      questions: filed,
      problems: folder.problems,
      score(answers) {
        const { judged, withoutTruth } = judgeEach(
          filed,
          answers,
          ({ id }) => truth.get(id),
          (answer, { label }, { image, category = '' }): Verdict => {
            return { category, picture: image, said: yesNoAtStart(answer), label };
          },
        );
        const categories = grouped(judged, ({ category }) => [category], scoreOf);
        return {
          ...sumOf(Object.entries(categories)),
          groups: categories,
          incomplete: pairsOf(judged).others,
          unreadable: judged.filter(({ said }) => said === undefined).length,
          withoutTruth,
        };
      },
      official(answers) {
        const files = new Map<string, string>();
        // The scorer takes every two lines for a picture's: one too many would shift all that follow.
        const answered = pairsIn(answers).pairs.flat();
        for (const { category, picture, text, right } of answered) {
          const name = picture.split('/').at(-1) ?? picture;
          const label = right.label === 'yes' ? 'Yes' : 'No';
          const path = `MME/results/${category}.txt`;
          const line = [name, right.text, label, text].join('\t');
          files.set(path, `${files.get(path) ?? ''}${line}\n`);
        }
        const lines = answered.map(({ question, text }) => llavaAnswer(question, text));
        if (lines.length > 0) files.set('MME/answers.jsonl', jsonLines(lines));
        return files;
      },
      leftOut(answers): Problem[] {
        const { others } = pairsIn(answers);
        if (others === 0) return [];
        const what = `${counted(others, 'picture')} without two judged questions; the official files lack what was answered of them`;
        return [{ where: 'MME/results', what }];
      },
    };
  },
};

/**
 * The question itself, which both files have: without what LLaVA's prompt adds, and what the release adds.
 *
 * @see https://github.com/haotian-liu/LLaVA/blob/main/docs/Evaluation.md (convert_answer_to_mme.py of its eval.zip)
 */
const plain = (text: string): string =>
  oneLine(text.replace(shortInstruction, '').replace('Please answer yes or no.', ''));

const oneLine = (text: string) => text.replace(/\s+/g, ' ').trim();

/** Right answers by question: beside a picture lies a text with a question, a tab and the answer a line. */
async function readTruth(
  folder: Folder,
  questions: readonly FiledQuestion[],
): Promise<ReadonlyMap<string, Truth>> {
  const truth = new Map<string, Truth>();
  const texts = new Map<string, ReadonlyMap<string, Truth>>();
  for (const { id, image, prompt } of questions) {
    const [category = '', ...rest] = image.split('/');
    const name = `${(rest.at(-1) ?? '').replace(/\.\w+$/, '')}.txt`;
    const key = `${category}/${name}`;
    const text = texts.get(key) ?? (await answersOf(folder, category, name));
    texts.set(key, text);
    const right = text.get(plain(prompt));
    if (right) truth.set(id, right);
  }
  return truth;
}

async function answersOf(folder: Folder, category: string, name: string) {
  const within = `${release}/${category}`;
  const inner = await folder.list(`${within}/questions_answers_YN`);
  const path = inner.includes(name)
    ? `${within}/questions_answers_YN/${name}`
    : `${within}/${name}`;
  const answers = new Map<string, Truth>();
  let text: string;
  try {
    text = await folder.text(path);
  } catch (error) {
    if (!TransPruneError.isInstance(error)) throw error;
    // One of thousands: the others are asked all the same.
    folder.note(path, 'no such file; what is asked of its picture does not count');
    return answers;
  }
  for (const [at, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const [question = '', answer = ''] = line.split('\t');
    const [asked, found] = [plain(question), truthSchema.safeParse(answer.trim())];
    const note = (what: string) => folder.note(`${path}:${at + 1}`, what);
    if (!found.success) note('expected a question, a tab, and Yes or No');
    else if (answers.has(asked)) note('a second answer to this question; the first counts');
    else answers.set(asked, { label: found.data === 'Yes' ? 'yes' : 'no', text: question.trim() });
  }
  return answers;
}

/** Points of a category: of questions, and of pictures whose questions are both right. */
function scoreOf(verdicts: readonly Verdict[]): GroupScore {
  const isRight = ({ said, label }: Verdict) => said === label;
  const { pairs } = pairsOf(verdicts);
  const accuracy = ratio(verdicts.filter(isRight).length, verdicts.length);
  const whole = pairs.filter((pair) => pair.every(isRight)).length;
  const accuracyPlus = ratio(whole, pairs.length);
  const points = 100 * (accuracy + accuracyPlus);
  return { questions: verdicts.length, metrics: { points, accuracy, accuracyPlus } };
}

/**
 * Pictures of two questions, and how many have another number: a part of the questions, a failed answer or an unknown
 * truth may leave one.
 */
function pairsOf<T extends { readonly category: string; readonly picture: string }>(
  list: readonly T[],
): { readonly pairs: readonly (readonly [T, T])[]; readonly others: number } {
  const pictures = groupBy(list, ({ category, picture }) => [`${category}/${picture}`]);
  const pairs = [...pictures.values()].flatMap(([first, second, ...more]): [T, T][] =>
    first && second && more.length === 0 ? [[first, second]] : [],
  );
  return { pairs, others: pictures.size - pairs.length };
}

function sumOf(categories: readonly (readonly [string, GroupScore])[]): GroupScore {
  const points = (list: typeof categories) =>
    list.reduce((total, [, { metrics }]) => total + (metrics.points ?? 0), 0);
  const isCognition = ([name]: readonly [string, GroupScore]) => cognition.includes(name);
  return {
    questions: categories.reduce((total, [, { questions }]) => total + questions, 0),
    metrics: {
      perception: points(categories.filter((entry) => !isCognition(entry))),
      cognition: points(categories.filter(isCognition)),
    },
  };
}
