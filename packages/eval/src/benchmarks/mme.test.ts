import { expect, test } from 'vitest';
import { lines, open, suffix } from '../../testing/benchmark.js';

test('mme: points of questions and of pairs, summed over perception and cognition', async () => {
  const release = 'MME/MME_Benchmark_release_version';
  const asked = (image: string, category: string, text: string) => ({
    question_id: image,
    image,
    category,
    text: `${text} Please answer yes or no.${suffix}`,
  });
  const pair = (first: string, second: string) =>
    `${first} Please answer yes or no.\tYes\n${second} Please answer yes or no.\tNo\n`;
  const { questions, score, official } = await open('mme', {
    'MME/llava_mme.jsonl': lines(
      asked('count/1.jpg', 'count', 'Are there two?'),
      asked('count/1.jpg', 'count', 'Are there three?'),
      asked('count/2.jpg', 'count', 'Is it one?'),
      asked('count/2.jpg', 'count', 'Is it five?'),
      asked('code_reasoning/1.png', 'code_reasoning', 'Does it print 1?'),
      asked('code_reasoning/1.png', 'code_reasoning', 'Does it print 2?'),
    ),
    [`${release}/count/1.jpg`]: 'x',
    [`${release}/count/2.jpg`]: 'x',
    [`${release}/count/1.txt`]: pair('Are there two?', 'Are there three?'),
    [`${release}/count/2.txt`]: pair('Is it one?', 'Is it five?'),
    [`${release}/code_reasoning/1.png`]: 'x',
    [`${release}/code_reasoning/questions_answers_YN/1.txt`]: pair(
      'Does it print 1?',
      'Does it print 2?',
    ),
  });
  const said = ['Yes', 'No', 'Yes', 'Yes', 'Yes', 'perhaps'];
  const answers = new Map(questions.map(({ id }, at) => [id, said[at]!]));
  const { metrics, groups, unreadable } = score(answers);
  // One of a picture's two questions is no pair, such as where the other failed.
  const open1 = new Map([...answers].filter((_, at) => at !== 3));
  expect(score(open1).groups.count?.metrics).toEqual({ points: 200, accuracy: 1, accuracyPlus: 1 });
  expect(score(open1).incomplete).toBe(1);
  expect(score(answers).incomplete).toBe(0);
  expect(score(new Map([...answers].slice(0, 1)))).toMatchObject({
    metrics: { perception: 100 },
    incomplete: 1,
  });
  // count: 3 of 4 questions, 1 of 2 pictures; code: 1 of 2 questions, no picture.
  expect(groups.count?.metrics).toEqual({ points: 125, accuracy: 0.75, accuracyPlus: 0.5 });
  expect(metrics).toEqual({ perception: 125, cognition: 50 });
  expect(unreadable).toBe(1);
  expect(official(answers).get('MME/results/count.txt')).toContain(
    '2.jpg\tIs it five? Please answer yes or no.\tNo\tYes\n',
  );
});

test("mme: the official file holds a picture's two lines one behind the other, or none", async () => {
  const at = 'MME/MME_Benchmark_release_version/color';
  const asked = (name: string, text: string) => ({
    ...{ question_id: `color/${name}.png`, image: `color/${name}.png`, category: 'color' },
    text: `${text}${suffix}`,
  });
  const red = 'Is it red?\tYes\n';
  const { questions, score, official } = await open('mme', {
    'MME/llava_mme.jsonl': lines(
      asked('a', 'Is it red?'),
      asked('b', 'Is it red?'),
      asked('c', 'Is it red?'),
      asked('d', 'Is it red?'),
      asked('c', 'Is it blue?'),
      asked('b', 'Is it blue?'),
      asked('a', 'Is it blue?'),
      asked('d', 'Is it blue?'),
      asked('d', 'Is it green?'),
    ),
    ...Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [`${at}/${name}.png`, 'x'])),
    [`${at}/a.txt`]: `${red}Is it blue?\tNo\n`,
    [`${at}/b.txt`]: `${red}Is it blue?\tPerhaps\n`,
    [`${at}/c.txt`]: `${red}Is it blue?\tNo\n`,
    [`${at}/d.txt`]: `${red}Is it blue?\tNo\nIs it green?\tNo\n`,
  });
  // Right but for b, whose second question has no truth, and c, whose second has no answer; d has three questions.
  const said = new Map(
    questions.flatMap(({ id }): [string, string][] =>
      id === 'color/c.png Is it blue?' ? [] : [[id, id.includes('red') ? 'Yes' : 'No']],
    ),
  );
  const { groups, incomplete, withoutTruth } = score(said);
  expect(groups.color).toEqual({
    questions: 7,
    metrics: { points: 200, accuracy: 1, accuracyPlus: 1 },
  });
  expect({ incomplete, withoutTruth }).toEqual({ incomplete: 3, withoutTruth: 1 });
  expect([...official(said)].slice(0, -1)).toEqual([
    ['MME/results/color.txt', 'a.png\tIs it red?\tYes\tYes\na.png\tIs it blue?\tNo\tNo\n'],
  ]);
});

test("mme: a picture's text that is missing costs its questions alone", async () => {
  const at = 'MME/MME_Benchmark_release_version/color';
  const { questions, problems, score } = await open('mme', {
    'MME/llava_mme.jsonl': lines(
      ...['a', 'b'].map((name) => ({
        ...{ question_id: `color/${name}.png`, image: `color/${name}.png`, category: 'color' },
        text: `Is it red?${suffix}`,
      })),
    ),
    [`${at}/a.png`]: 'x',
    [`${at}/b.png`]: 'x',
    [`${at}/a.txt`]: 'Is it red?\tYes\n',
  });
  expect(problems.map(({ where }) => where)).toEqual([`${at}/b.txt`]);
  const said = new Map(questions.map(({ id }) => [id, 'Yes']));
  expect(score(said)).toMatchObject({ questions: 1, withoutTruth: 1 });
});

test('of two right answers to a question the first counts, and that there are two is told', async () => {
  const asked = (id: string) => ({ question_id: id, image: 'a.jpg', text: `What ${id}?` });
  const release = 'MME/MME_Benchmark_release_version';
  const pair = await open('mme', {
    'MME/llava_mme.jsonl': lines({ ...asked('1'), image: 'color/a.jpg', category: 'color' }),
    [`${release}/color/a.jpg`]: 'x',
    [`${release}/color/a.txt`]: 'What 1?\tYes\nWhat 1?\tNo\n',
  });
  expect(pair.problems.map(({ what }) => what)).toEqual([
    expect.stringContaining('a second answer'),
  ]);
  expect(pair.score(new Map([[pair.questions[0]!.id, 'yes']])).metrics.perception).toBe(100);
});
