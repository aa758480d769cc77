/** MMBench's table with rows that are not as they should be, and cells that pandas reads as missing. */
import { expect, test } from 'vitest';
import { open } from '../../testing/benchmark.js';

const path = 'mmbench/mmbench_dev_20230712.tsv';
const header = 'index\tquestion\thint\tA\tB\tC\tD\tanswer\tcategory\timage';
const table = (...rows: string[]) => open('mmbench', { [path]: [header, ...rows].join('\n') });
const row = (index: number, question = 'Which?') =>
  `${index}\t${question}\t\tcat\tdog\t\t\tB\tanimals\tAAAA`;

test('rows that are none are counted, and the others scored', async () => {
  const { questions, problems, score } = await table(
    row(1),
    row(2, '"Which of them?'),
    row(3, '"Which\nof ""them""?"'),
    `${row(4)}\tmore`,
    '5\tWhich?',
    row(6, 'Which of "them"?'),
    row(7, '"Which of'),
  );
  expect(questions.map(({ id }) => id)).toEqual(['1', '3', '6']);
  expect(questions[1]?.prompt).toMatch(/^Which\nof "them"\?\nA\. cat\nB\. dog\n/);
  expect(problems.map(({ where }) => where)).toEqual([3, 9, 6, 7].map((line) => `${path}:${line}`));
  expect(problems[2]?.what).toBe('expected 10 values, got 11');
  expect(score(new Map(questions.map(({ id }) => [id, 'B'])))).toMatchObject({
    ...{ questions: 3, metrics: { accuracy: 1 } },
  });
});

test.each(['', 'nan', 'NaN', 'none', 'None', 'NONE', 'N/A', 'null'])(
  'an option, a hint or a right answer %j is missing',
  async (none) => {
    const cells = ['1', 'Which?', none, 'cat', 'dog', none, 'cow', none, 'animals', 'AAAA'];
    const { questions, problems, score } = await table(cells.join('\t'), row(2));
    expect(problems).toEqual([]);
    expect(questions[0]?.prompt).toBe(
      "Which?\nA. cat\nB. dog\nAnswer with the option's letter from the given choices directly.",
    );
    expect(score(new Map([['1', 'B']]))).toMatchObject({ withoutTruth: 1 });
  },
);

test('options that only look like it are none of these', async () => {
  const { questions } = await table(row(1).replace('dog\t\t', 'none of them\tNone of them\t'));
  expect(questions[0]?.prompt).toContain('\nB. none of them\nC. None of them\n');
});

test.each(['', 'a file without tabs\n', '"index\tquestion\timage\n1\tWhich?\tAAAA\n'])(
  'what is no table is refused: %j',
  async (text) => {
    await expect(open('mmbench', { [path]: text })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('separated by tabs'),
    });
  },
);
