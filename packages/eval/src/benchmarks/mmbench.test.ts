import { expect, test } from 'vitest';
import { open } from '../../testing/benchmark.js';

test('mmbench: plain counts each question, circular only those right at every turn', async () => {
  const header = 'index\tquestion\thint\tA\tB\tC\tD\tanswer\tcategory\timage';
  const files = {
    'mmbench/mmbench_dev_20230712.tsv': [
      header,
      `1\tWhich?\tLook.\tcat\tdog\t\tnan\tB\tanimals\t${btoa('picture')}`,
      '2\t"Which ""one""?"\t\tcat\tdog\tcow\t\tA\tanimals\t1',
    ].join('\n'),
  };
  const plain = await open('mmbench', files);
  const [first, second] = plain.questions;
  expect(first?.prompt).toBe(
    "Look.\nWhich?\nA. cat\nB. dog\nAnswer with the option's letter from the given choices directly.",
  );
  expect(second?.prompt).toMatch(/^Which "one"\?\nA\. cat\nB\. dog\nC\. cow\n/);
  expect(second?.picture).toEqual(first?.picture);
  expect(
    plain.score(
      new Map([
        ['1', 'B'],
        ['2', 'B'],
      ]),
    ).metrics.accuracy,
  ).toBe(0.5);

  const circular = await open('mmbench-circular', files);
  expect(circular.questions.map(({ id }) => id)).toEqual([
    '1',
    '1 turned by 1',
    '2',
    '2 turned by 1',
    '2 turned by 2',
  ]);
  // Turned by one, dog comes first: its letter is A; cat's letters are A, C, B.
  const right = { '1': 'B', '1 turned by 1': 'A', '2': 'A', '2 turned by 1': 'C' };
  const all = (last: string) => new Map(Object.entries({ ...right, '2 turned by 2': last }));
  expect(circular.score(all('B')).metrics.accuracy).toBe(1);
  expect(circular.score(all('A')).metrics.accuracy).toBe(0.5);
  // A question that was not asked at every turn does not count.
  expect(circular.score(new Map(Object.entries(right)))).toMatchObject({
    questions: 1,
    incomplete: 1,
  });
  // The file has no rows of the turns.
  const written = [...circular.official(all('B')).values()][0]?.trim().split('\n');
  expect(written?.map((line) => line.split('\t')[0])).toEqual(['index', '1', '2']);
});

test('mmbench: turns that the file holds are rows of one question', async () => {
  const header = 'index\tquestion\thint\tA\tB\tC\tD\tanswer\tcategory\timage';
  const row = (index: number, options: string, answer: string, image = `${index % 1_000_000}`) =>
    [index, `Q${index % 1_000_000}?`, '', ...options.padEnd(4, '-'), answer, 'animals', image]
      .join('\t')
      .replaceAll('-', '');
  const files = {
    'mmbench/mmbench_dev_20230712.tsv': [
      header,
      row(1, 'xyz', 'B', btoa('one')),
      row(2, 'xy', 'A', btoa('two')),
      row(3, 'xy', 'A', btoa('three')),
      row(1_000_001, 'yzx', 'A'),
      row(1_000_002, 'yx', 'B'),
      row(2_000_001, 'zxy', 'C'),
      row(1_000_004, 'xy', 'A', btoa('four')),
    ].join('\n'),
  };
  const plain = await open('mmbench', files);
  expect(plain.questions.map(({ id }) => id)).toEqual(['1', '2', '3']);
  expect(plain.problems).toEqual([
    { where: 'question 1000004', what: expect.stringContaining('copy of 4, which is missing') },
  ]);
  const own = { '1': 'B', '2': 'A', '3': 'B' };
  // Two of three own rows are right.
  expect(plain.score(new Map(Object.entries(own)))).toMatchObject({
    questions: 3,
    metrics: { accuracy: 2 / 3 },
  });
  expect(plain.score(new Map(Object.entries(own))).incomplete).toBeUndefined();

  const circular = await open('mmbench-circular', files);
  expect(circular.questions.map(({ id }) => id)).toEqual([
    ...['1', '1000001', '2000001'],
    ...['2', '1000002'],
    '3',
  ]);
  const [first, turned] = circular.questions;
  expect(first?.prompt).toMatch(/^Q1\?\nA\. x\nB\. y\nC\. z\n/);
  expect(turned?.prompt).toMatch(/^Q1\?\nA\. y\nB\. z\nC\. x\n/);
  expect(turned?.picture).toEqual(first?.picture);
  // 1 is right at all turns, 2 says A at both, 3 has no copy and is right.
  const said = new Map(
    Object.entries({ ...own, '3': 'A', '1000001': 'A', '2000001': 'C', '1000002': 'A' }),
  );
  expect(circular.score(said)).toMatchObject({
    ...{ questions: 3, metrics: { accuracy: 2 / 3 }, incomplete: 0 },
    groups: { animals: { questions: 3, metrics: { accuracy: 2 / 3 } } },
  });
  said.delete('2000001');
  expect(circular.score(said)).toMatchObject({
    ...{ questions: 2, metrics: { accuracy: 0.5 }, incomplete: 1 },
  });

  // A line an index: of all rows, and of the own ones alone.
  const written = (of: typeof plain) =>
    [...of.official(said).values()][0]?.split('\n').filter((line) => /^\d/.test(line));
  expect(written(circular)).toEqual([
    '1\tQ1?\tx\ty\tz\t\tB',
    '1000001\tQ1?\ty\tz\tx\t\tA',
    '2\tQ2?\tx\ty\t\t\tA',
    '1000002\tQ2?\ty\tx\t\t\tA',
    '3\tQ3?\tx\ty\t\t\tA',
  ]);
  expect(written(plain)?.map((line) => line.split('\t')[0])).toEqual(['1', '2', '3']);
});

test('mmbench: a turn that cannot be asked or judged costs its question alone', async () => {
  const header = 'index\tquestion\tA\tB\tanswer\timage';
  const files = {
    'mmbench/mmbench_dev_20230712.tsv': [
      header,
      '1\tq\ta\tb\tA\tAAAA',
      '1000001\tq\tb\t\tB\t1',
      '2\tq\ta\tb\tA\tAAAA',
      '1000002\tq\tb\ta\tC\t2',
      '3\tq\ta\tb\tA\tAAAA',
      '1000003\tq\tb\ta\tB\t3',
    ].join('\n'),
  };
  const { questions, problems, score } = await open('mmbench-circular', files);
  expect(questions.map(({ id }) => id)).toEqual(['2', '1000002', '3', '1000003']);
  expect(problems.map(({ where }) => where)).toEqual(['question 1000001', 'question 1000002']);
  const said = new Map(
    ['2', '1000002', '3', '1000003'].map((id) => [id, id.length > 1 ? 'B' : 'A']),
  );
  expect(score(said)).toMatchObject({
    ...{ questions: 1, metrics: { accuracy: 1 }, withoutTruth: 1, incomplete: 0 },
  });
  expect((await open('mmbench', files)).problems).toEqual([]);
});

test('a right answer that cannot be right is told, and does not count', async () => {
  const header = 'index\tquestion\tA\tB\tanswer\timage';
  const bench = await open('mmbench', {
    'mmbench/mmbench_dev_20230712.tsv': `${header}\n1\tq\ta\tb\tC\tAAAA\n2\tq\ta\tb\tB\tAAAA`,
  });
  expect(bench.problems.map(({ where }) => where)).toEqual(['question 1']);
  const said = new Map(['1', '2'].map((id) => [id, 'B']));
  expect(bench.score(said)).toMatchObject({ questions: 1, withoutTruth: 1, unreadable: 0 });
  const gap = await open('mmbench', {
    'mmbench/mmbench_dev_20230712.tsv':
      'index\tquestion\tA\tB\tC\tD\tanswer\timage\n1\tq\ta\tb\t\td\tC\tAAAA',
  });
  expect(gap.problems[0]?.what).toMatch(/right answer C is no option/);
});
