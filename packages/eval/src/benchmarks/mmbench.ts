import { z } from 'zod';
import type { Benchmark, Question } from '../benchmark.js';
import type { Folder } from '../reading/folder.js';
import { letterInstruction, letterOf, optionLetter, placeOf } from '../scoring/option-letter.js';
import { accuracyOf, groupBy, type Judged } from '../scoring/tally.js';
import { eachAnswered } from './judge.js';

const path = 'mmbench/mmbench_dev_20230712.tsv';

/** pandas writes what is missing as nothing or as `nan`. */
const cell = z
  .string()
  .optional()
  .transform((text) => (text === undefined || text === '' || text === 'nan' ? undefined : text));

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
  image: z.string().min(1),
});
type Row = z.infer<typeof rowSchema>;

interface Turned extends Question {
  readonly row: Row;
  /** By how many places the options are turned. */
  readonly turn: number;
  /** Options as they are asked. */
  readonly options: readonly string[];
}

/** Each question once. */
export const mmbench: Benchmark = {
  name: 'mmbench',
  summary: 'options about a picture: accuracy, by category',
  source: 'arXiv 2307.06281',
  files: [path],
  open: (folder) => open(folder, () => 1),
};

/** Each question once for every option, the options turned by one each time: right only if all are right. */
export const mmbenchCircular: Benchmark = {
  name: 'mmbench-circular',
  summary: 'as mmbench, but right only if it is right wherever the right option stands',
  source: 'arXiv 2307.06281',
  files: [path],
  open: (folder) => open(folder, (options) => options),
};

async function open(folder: Folder, turnsOf: (options: number) => number) {
  const rows = folder.unique(await folder.table(path, rowSchema), ({ index }) => index);
  const pictures = new Map(rows.map(({ index, image }) => [index, image]));
  const questions = rows.flatMap((row): Turned[] => {
    // What follows a missing one has no letter of its own.
    const given = [row.A, row.B, row.C, row.D, undefined];
    const options = given.slice(0, given.indexOf(undefined)).map((option = '') => option);
    // A picture that stands more than once is an index the next times.
    const image = pictures.get(row.image) ?? row.image;
    if (row.answer !== undefined && !options.some((_, at) => letterOf(at) === row.answer)) {
      folder.note(
        `question ${row.index}`,
        `its right answer ${row.answer} is no option; it does not count`,
      );
      row.answer = undefined;
    }
    if (options.length < 2) {
      folder.note(`question ${row.index}`, 'expected two options or more; it is not asked');
      return [];
    }
    const picture = { bytes: new Uint8Array(Buffer.from(image, 'base64')) };
    return Array.from({ length: turnsOf(options.length) }, (_, turn) => {
      const turned = options.map((_, at) => options[(at + turn) % options.length] ?? '');
      const lines = turned.map((option, at) => `${letterOf(at)}. ${option}`);
      const hint = row.hint === undefined ? [] : [row.hint];
      const prompt = [...hint, row.question, ...lines, letterInstruction].join('\n');
      const id = turn === 0 ? row.index : `${row.index} turned by ${turn}`;
      return { id, prompt, picture, row, turn, options: turned };
    });
  });
  return {
    questions,
    problems: folder.problems,
    score(answers: ReadonlyMap<string, string>) {
      const judged: Judged[] = [];
      let withoutTruth = 0;
      for (const [, turns] of groupBy(questions, ({ row }) => [row.index])) {
        const [row] = turns.map((turned) => turned.row);
        const said = turns.map(({ id }) => answers.get(id));
        if (!row || said.includes(undefined)) continue;
        if (row.answer === undefined) {
          withoutTruth++;
          continue;
        }
        const letters = turns.map(({ options }, at) => optionLetter(said[at] ?? '', options));
        const isRight = turns.every(
          (turned, at) => originalLetter(turned, letters[at]) === row.answer,
        );
        judged.push({
          groups: row.category === undefined ? [] : [row.category],
          points: isRight ? 1 : 0,
          isReadable: !letters.includes(undefined),
        });
      }
      return accuracyOf(judged, withoutTruth);
    },
    official(answers: ReadonlyMap<string, string>) {
      const first = questions.filter(({ turn }) => turn === 0);
      const header = ['index', 'question', 'A', 'B', 'C', 'D', 'prediction'];
      const lines = eachAnswered(first, answers, ({ row, options }, answer) =>
        [
          row.index,
          row.question,
          row.A,
          row.B,
          row.C,
          row.D,
          optionLetter(answer, options) ?? answer,
        ]
          .map((value = '') => value.replace(/\s+/g, ' '))
          .join('\t'),
      );
      return new Map([['mmbench/upload.tsv', `${[header.join('\t'), ...lines].join('\n')}\n`]]);
    },
  };
}

/** The letter that an option has where nothing is turned. */
function originalLetter({ turn, options }: Turned, letter: string | undefined): string | undefined {
  if (letter === undefined) return undefined;
  return letterOf((placeOf(letter) + turn) % options.length);
}
