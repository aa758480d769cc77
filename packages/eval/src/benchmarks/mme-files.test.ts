/** MME on lines as LLaVA's llava_mme.jsonl and the release's texts have them. */
import { expect, test } from 'vitest';
import { lines, open, suffix } from '../../testing/benchmark.js';

const release = 'MME/MME_Benchmark_release_version';

/** LLaVA's file never has the words "Please answer yes or no.". */
const asked = (image: string, text: string) => ({
  question_id: image,
  image,
  text: `${text}${suffix}`,
  category: image.split('/')[0],
});

const [chart, lamp] = ['code_reasoning/0020.png', 'position/000000000001.jpg'];

/** The release has them behind every question: after one space, here and there two, or no question mark. */
const files = {
  'MME/llava_mme.jsonl': lines(
    asked(chart, 'Is a chart shown in the picture?'),
    asked(chart, 'Is a map shown in the picture?'),
    asked(lamp, 'Is the lamp under the bed in the image?'),
    asked(lamp, 'Is the lamp above the bed'),
  ),
  [`${release}/${chart}`]: 'x',
  [`${release}/${lamp}`]: 'x',
  [`${release}/code_reasoning/0020.txt`]: [
    'Is a chart shown in the picture? Please answer yes or no.\tYes\n',
    'Is a map shown in the picture? Please answer yes or no.\tNo\n',
  ].join(''),
  [`${release}/position/000000000001.txt`]: [
    'Is the lamp under the bed in the image?  Please answer yes or no.\tNo\r\n',
    'Is the lamp above the bed Please answer yes or no.\tYes',
  ].join(''),
};

test('questions find their right answers in the release', async () => {
  const { questions, problems, score } = await open('mme', files);
  expect(problems).toEqual([]);
  const said = ['Yes', 'No', 'Yes', 'Yes'];
  const answers = new Map(questions.map(({ id }, at) => [id, said[at] ?? '']));
  expect(score(answers)).toMatchObject({
    ...{ questions: 4, withoutTruth: 0, incomplete: 0 },
    metrics: { cognition: 200, perception: 50 },
  });
});

/** calculation.py splits a line at tabs into four, and pairs lines by twos. */
test("the official file has the release's own questions", async () => {
  const { questions, official, leftOut } = await open('mme', files);
  const answers = new Map(questions.map(({ id }) => [id, 'Yes,\tit is\n']));
  const lines = official(answers).get('MME/results/position.txt')?.split('\n');
  expect(lines?.map((line) => line.split('\t'))).toEqual([
    [
      '000000000001.jpg',
      'Is the lamp under the bed in the image?  Please answer yes or no.',
      'No',
      'Yes, it is',
    ],
    ['000000000001.jpg', 'Is the lamp above the bed Please answer yes or no.', 'Yes', 'Yes, it is'],
    [''],
  ]);
  expect(leftOut?.(answers)).toEqual([]);
  answers.delete(questions[0]?.id ?? '');
  expect(official(answers).has('MME/results/code_reasoning.txt')).toBe(false);
  expect(leftOut?.(answers)).toEqual([
    { where: 'MME/results', what: expect.stringMatching(/^1 picture without/) },
  ]);
});

test('a release that is of other questions is told', async () => {
  const other = { ...files, [`${release}/position/000000000001.txt`]: 'Is it red?\tYes\n' };
  // Half of the questions have right answers: those that have none are counted, and that is all.
  expect((await open('mme', other)).problems).toEqual([]);
  const { questions, problems, score } = await open('mme', {
    ...other,
    [`${release}/code_reasoning/0020.txt`]: 'Is it red?\tYes\n',
  });
  expect(problems).toEqual([{ where: release, what: expect.stringContaining('to 0 of 4;') }]);
  expect(score(new Map(questions.map(({ id }) => [id, 'Yes'])))).toMatchObject({
    ...{ questions: 0, withoutTruth: 4 },
  });
});
