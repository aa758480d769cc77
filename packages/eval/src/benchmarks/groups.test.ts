/** Groups that the benchmarks' own tables have. */
import { expect, test } from 'vitest';
import { open } from '../../testing/benchmark.js';

const sizes = (groups: Readonly<Record<string, { readonly questions: number }>>) =>
  Object.fromEntries(Object.entries(groups).map(([name, { questions }]) => [name, questions]));

test('scienceqa: context, subject and grade', async () => {
  const asked = (id: string) => ({ id, conversations: [{ value: 'Which?\nA. x\nB. y' }] });
  const problem = (grade: string, hint: string, subject = 'natural science') => ({
    ...{ choices: ['x', 'y'], answer: 0, subject, hint, grade },
  });
  const { score } = await open('scienceqa', {
    'scienceqa/llava_test_CQM-A.json': [
      asked('1'),
      asked('2'),
      { ...asked('3'), image: '3/image.png' },
      { ...asked('4'), image: '4/image.png' },
    ],
    'scienceqa/images/test/3/image.png': 'x',
    'scienceqa/images/test/4/image.png': 'x',
    'scienceqa/problems.json': {
      1: problem('grade6', ''),
      2: problem('grade7', 'It is warm.'),
      3: problem('grade12', ''),
      4: problem('grade1', 'It is cold.', 'social science'),
    },
  });
  const { groups } = score(new Map(['1', '2', '3', '4'].map((id) => [id, 'A'])));
  expect(sizes(groups)).toEqual({
    ...{ 'with picture': 2, 'without picture': 2, 'with text': 2, 'without context': 1 },
    ...{ 'natural science': 3, 'social science': 1, 'grades 1 to 6': 2, 'grades 7 to 12': 2 },
  });
});

test('mmbench: the category and the one above it', async () => {
  const { score } = await open('mmbench-circular', {
    'mmbench/mmbench_dev_20230712.tsv': [
      'index\tquestion\tA\tB\tanswer\tcategory\timage\tl2-category',
      '1\tq\tx\ty\tA\tocr\tAAAA\tfine',
      '1000001\tq\ty\tx\tB\tocr\t1\tfine',
      '2\tq\tx\ty\tA\tcelebrity\tAAAA\tfine',
    ].join('\n'),
  });
  const { groups } = score(
    new Map([
      ['1', 'A'],
      ['1000001', 'B'],
      ['2', 'B'],
    ]),
  );
  expect(sizes(groups)).toEqual({ ocr: 1, celebrity: 1, fine: 2 });
  expect(groups.fine?.metrics.accuracy).toBe(0.5);
});
