import { z } from 'zod';
import type { Benchmark, OpenBenchmark, Question, Score } from '../benchmark.js';
import type { Folder } from '../reading/folder.js';
import { letterInstruction, letterOf, optionLetter, placeOf } from '../scoring/option-letter.js';
import { accuracyOf, groupBy, type Judged } from '../scoring/tally.js';
import { eachAnswered, jsonLines, judging, noteUnknown } from './judge.js';
import { llavaAnswer } from './question-file.js';

const path = 'mmbench/mmbench_dev_20230712.tsv';

/**
 * What pandas reads as missing by default; LLaVA's script also takes `nan` and `none` in letters of any case.
 *
 * @see https://pandas.pydata.org/docs/reference/api/pandas.read_table.html
 */
const missing: ReadonlySet<string> = new Set(
  ',nan,none,n/a,N/A,NA,null,NULL,<NA>,#N/A,#N/A N/A,#NA,-nan,-NaN,1.#IND,-1.#IND,1.#QNAN,-1.#QNAN'.split(
    ',',
  ),
);

const isMissing = (text: string) => missing.has(text) || /^(nan|none)$/i.test(text);

const cell = z
  .string()
  .optional()
  .transform((text) => (text === undefined || isMissing(text) ? undefined : text));

const rowSchema = z.object({
  index: z.string().min(1),
  question: z.string(),
  hint: cell,
  A: cell,
  B: cell,
  C: cell,
  D: cell,
  answer: cell,
  category: cell,
  'l2-category': cell,
  image: z.string().min(1),
});
type Row = z.infer<typeof rowSchema>;

interface Turned extends Question {
  readonly row: Row;
  /** Index of the question that the row is a copy of; its own if it is none. */
  readonly base: string;
  /** By how many places the row's options are turned. */
  readonly turn: number;
  /** Options as they are asked. */
  readonly options: readonly string[];
}

/** Each question once: where the file holds copies with the options turned, those are not asked. */
export const mmbench: Benchmark = {
  name: 'mmbench',
  summary: 'options about a picture: accuracy, by category',
  source: 'arXiv 2307.06281',
  files: [path],
  open: (folder) => open(folder, false),
};

/**
 * Each question with its options turned: right only if all are right. Turned are the rows that the file holds as
 * copies; in a file without any, the options are turned by one for every option.
 */
export const mmbenchCircular: Benchmark = {
  name: 'mmbench-circular',
  summary: 'as mmbench, but right only if it is right wherever the right option stands',
  source: 'arXiv 2307.06281',
  files: [path],
  open: (folder) => open(folder, true),
};

/**
 * A copy's index is that of its question plus a multiple of this.
 *
 * @see https://github.com/open-compass/VLMEvalKit/blob/main/vlmeval/dataset/utils/multiple_choice.py
 */
const copyStep = 1_000_000;

function baseOf(index: string): string {
  const number = Number(index);
  return number >= copyStep ? `${number % copyStep}` : index;
}

async function open(folder: Folder, isCircular: boolean): Promise<OpenBenchmark> {
  const rows = folder.unique(await folder.table(path, rowSchema), ({ index }) => index);
  const pictures = new Map(rows.map(({ index, image }) => [index, image]));
  const hasCopies = rows.some(({ index }) => baseOf(index) !== index);
  const note = ({ index }: Row, what: string) => folder.note(`question ${index}`, what);
  const questions: Turned[] = [];
  for (const [base, group] of groupBy(rows, ({ index }) => [baseOf(index)])) {
    const own = group.find(({ index }) => index === base);
    if (!own) {
      for (const row of group) note(row, `a copy of ${base}, which is missing; it is not asked`);
      continue;
    }
    const asked = isCircular ? group : [own];
    const short = asked.filter((row) => optionsOf(row).length < 2);
    for (const row of short)
      note(row, 'expected two options or more; it is not asked, at any turn');
    if (short.length > 0) continue;
    for (const row of asked) {
      const options = optionsOf(row);
      if (row.answer !== undefined && !options.some((_, at) => letterOf(at) === row.answer)) {
        note(row, `its right answer ${row.answer} is no option; it does not count`);
        row.answer = undefined;
      }
      // A picture that stands more than once is an index the next times.
      const image = pictures.get(row.image) ?? row.image;
      const picture = { bytes: new Uint8Array(Buffer.from(image, 'base64')) };
      const turns = isCircular && !hasCopies ? options.length : 1;
      for (let turn = 0; turn < turns; turn++) {
        questions.push({ ...turned(row, options, turn), picture, base });
      }
    }
  }
  noteUnknown(folder, path, questions, ({ row }) => row.answer);
  const { pointsOf, rightOf } = judging({
    questions,
    truthOf: ({ row }) => row.answer,
    wordsOf: (letter) => [letter],
    judge: (answer, _, question) => judgeTurns([question], [answer]),
  });
  return {
    questions,
    problems: folder.problems,
    score(answers): Score {
      const judged: Judged[] = [];
      let withoutTruth = 0;
      let incomplete = 0;
      for (const turns of groupBy(questions, (each) => [each.base]).values()) {
        const said = turns.flatMap(({ id }) => answers.get(id) ?? []);
        if (said.length === 0) continue;
        if (said.length < turns.length) {
          incomplete++;
          continue;
        }
        if (turns.some(({ row }) => row.answer === undefined)) {
          withoutTruth++;
          continue;
        }
        judged.push(judgeTurns(turns, said));
      }
      const score = accuracyOf(judged, withoutTruth);
      return isCircular ? { ...score, incomplete } : score;
    },
    ...(!isCircular && { pointsOf, rightOf }),
    official(answers) {
      const predictions = eachAnswered(
        questions.filter(({ turn }) => turn === 0),
        answers,
        (question, answer) => ({
          question,
          prediction: optionLetter(answer, question.options) ?? answer,
        }),
      );
      const header = ['index', 'question', 'A', 'B', 'C', 'D', 'prediction'];
      const upload = predictions.map(({ question: { row }, prediction }) =>
        [row.index, row.question, row.A, row.B, row.C, row.D, prediction]
          .map((value = '') => value.replace(/\s+/g, ' '))
          .join('\t'),
      );
      // LLaVA's script looks for the row of a number.
      const lines = predictions.map(({ question: { row, prompt }, prediction }) =>
        llavaAnswer({ questionId: Number(row.index), prompt }, prediction),
      );
      return new Map([
        ['mmbench/upload.tsv', `${[header.join('\t'), ...upload].join('\n')}\n`],
        ['mmbench/answers.jsonl', jsonLines(lines)],
      ]);
    },
  };
}

/** Right if every turn is; the question's own row tells its category. */
function judgeTurns(turns: readonly Turned[], said: readonly string[]): Judged {
  const letters = turns.map(({ options }, at) => optionLetter(said[at] ?? '', options));
  const isRight = turns.every((each, at) => originalLetter(each, letters[at]) === each.row.answer);
  const own = turns.find(({ row, base }) => row.index === base)?.row;
  return {
    groups: [own?.category, own?.['l2-category']].filter((name) => name !== undefined),
    points: isRight ? 1 : 0,
    isReadable: !letters.includes(undefined),
  };
}

/** What follows a missing one has no letter of its own. */
function optionsOf({ A, B, C, D }: Row): string[] {
  const given = [A, B, C, D, undefined];
  return given.slice(0, given.indexOf(undefined)).map((option = '') => option);
}

function turned(row: Row, given: readonly string[], turn: number): Omit<Turned, 'base'> {
  const options = given.map((_, at) => given[(at + turn) % given.length] ?? '');
  const lines = options.map((option, at) => `${letterOf(at)}. ${option}`);
  const hint = row.hint === undefined ? [] : [row.hint];
  const prompt = [...hint, row.question, ...lines, letterInstruction].join('\n');
  const id = turn === 0 ? row.index : `${row.index} turned by ${turn}`;
  return { id, prompt, row, turn, options };
}

/** The letter that an option has in its row. */
function originalLetter({ turn, options }: Turned, letter: string | undefined): string | undefined {
  if (letter === undefined) return undefined;
  return letterOf((placeOf(letter) + turn) % options.length);
}
