/** Every benchmark on a folder made by hand: what is asked, how it is judged, what its scorer is handed. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Folder } from '../reading/folder.js';
import { pointsByQuestion } from '../scoring/points.js';
import { benchmarks } from './index.js';

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((path) => rm(path, { recursive: true, force: true }))));

/** Contents by path: text as it is, others as JSON; a list as JSON lines. */
async function open(name: string, files: Readonly<Record<string, unknown>>) {
  const root = await mkdtemp(join(tmpdir(), 'benchmark-'));
  folders.push(root);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    await writeFile(join(root, path), text);
  }
  const benchmark = benchmarks.find((each) => each.name === name);
  return benchmark!.open(new Folder(root));
}

const lines = (...entries: unknown[]) => entries.map((entry) => JSON.stringify(entry)).join('\n');
const suffix = '\nAnswer the question using a single word or phrase.';

test('pope: scores of each split, no unless no is said', async () => {
  const asked = (category: string, id: number, text: string) => ({
    question_id: id,
    image: 'a.jpg',
    text: `${text}${suffix}`,
    category,
  });
  const label = (id: number, text: string, answer: string) => ({
    question_id: id,
    image: 'a.jpg',
    text,
    label: answer,
  });
  const [dog, cat, car, man] = ['dog', 'cat', 'car', 'man'].map((it) => `Is there a ${it}?`);
  const { questions, problems, score, official } = await open('pope', {
    'pope/llava_pope_test.jsonl': lines(
      asked('random', 1, dog!),
      asked('random', 2, cat!),
      asked('random', 3, car!),
      asked('random', 4, man!),
      asked('popular', 1, dog!),
      { ...asked('popular', 9, dog!), image: 'gone.jpg' },
    ),
    'pope/val2014/a.jpg': 'x',
    'pope/coco/coco_pope_random.json': lines(
      label(1, dog!, 'yes'),
      label(2, cat!, 'no'),
      label(3, car!, 'no'),
      label(4, man!, 'yes'),
    ),
    'pope/coco/coco_pope_popular.json': lines(label(1, dog!, 'no')),
    'pope/coco/coco_pope_adversarial.json': '',
  });
  expect(questions.map(({ id }) => id)).toEqual([
    'random/1',
    'random/2',
    'random/3',
    'random/4',
    'popular/1',
  ]);
  expect(problems).toEqual([
    { where: 'question popular/9', what: expect.stringMatching(/no picture .*gone\.jpg/) },
  ]);
  const answers = new Map([
    ['random/1', 'Yes.'],
    ['random/2', 'Yes'],
    ['random/3', 'No'],
    ['random/4', 'There is no man'],
    ['popular/1', 'yes'],
  ]);
  const { groups, metrics } = score(answers);
  // One of each: true and false, yes and no.
  const half = { accuracy: 0.5, precision: 0.5, recall: 0.5, f1: 0.5, yesRatio: 0.5 };
  expect(groups.random).toEqual({ questions: 4, metrics: half });
  expect(groups.popular?.metrics).toMatchObject({ accuracy: 0, precision: 0, f1: 0, yesRatio: 1 });
  expect(metrics.accuracy).toBe(0.4);
  expect(official(answers).get('pope/random.jsonl')?.split('\n')[3]).toBe(
    lines({ question: man, answer: 'no' }),
  );
});

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

test('gqa: the word itself, by structure; what has no truth does not count', async () => {
  const { questions, score, official } = await open('gqa', {
    'gqa/llava_gqa_testdev_balanced.jsonl': lines(
      { question_id: '7', image: 'a.jpg', text: `What is it?${suffix}` },
      { question_id: '8', image: 'a.jpg', text: `Is it red?${suffix}` },
      { question_id: '9', image: 'a.jpg', text: `Where is it?${suffix}` },
    ),
    'gqa/data/images/a.jpg': 'x',
    'gqa/data/testdev_balanced_questions.json': {
      7: { answer: 'dog', types: { structural: 'query' } },
      8: { answer: 'yes', types: { structural: 'verify' } },
    },
  });
  expect(questions).toHaveLength(3);
  const answers = new Map([
    ['7', 'Dog.'],
    ['8', 'yes it is'],
    ['9', 'left'],
  ]);
  expect(score(answers)).toEqual({
    questions: 2,
    metrics: { accuracy: 0.5 },
    groups: {
      query: { questions: 1, metrics: { accuracy: 1 } },
      verify: { questions: 1, metrics: { accuracy: 0 } },
    },
    unreadable: 0,
    withoutTruth: 1,
  });
  expect(JSON.parse([...official(answers).values()][0]!)[0]).toEqual({
    questionId: '7',
    prediction: 'dog',
  });
});

test('vqav2 and textvqa: agreement with ten people', async () => {
  const ten = (...said: string[]) => Array.from({ length: 10 }, (_, at) => said[at] ?? 'blue');
  const vqa = await open('vqav2', {
    'vqav2/llava_vqav2_mscoco_val2014.jsonl': lines({
      question_id: 3,
      image: 'a.jpg',
      text: `What color?${suffix}`,
    }),
    'vqav2/val2014/a.jpg': 'x',
    'vqav2/v2_mscoco_val2014_annotations.json': {
      annotations: [
        { question_id: 3, answer_type: 'other', answers: ten('red').map((answer) => ({ answer })) },
        { question_id: 4, answers: [] },
      ],
    },
  });
  expect(vqa.problems).toHaveLength(1);
  expect(vqa.score(new Map([['3', 'Blue.']])).groups.other?.metrics.accuracy).toBe(1);
  expect(vqa.score(new Map([['3', 'red']])).metrics.accuracy).toBeCloseTo(0.3);
  expect([...vqa.official(new Map([['3', 'The Blue.']])).values()][0]).toBe(
    '[{"question_id":3,"answer":"blue"}]',
  );

  const text = await open('textvqa', {
    'textvqa/llava_textvqa_val_v051_ocr.jsonl': lines(
      {
        question_id: 'p',
        image: 'p.jpg',
        text: `What is written?\nReference OCR token: STOP${suffix}`,
      },
      {
        question_id: 'p',
        image: 'p.jpg',
        text: `Which color?\nReference OCR token: STOP${suffix}`,
      },
    ),
    'textvqa/train_images/p.jpg': 'x',
    'textvqa/TextVQA_0.5.1_val.json': {
      data: [
        { image_id: 'p', question: 'what is written?', answers: ten(...ten().map(() => 'stop')) },
        { image_id: 'p', question: 'Which color?', answers: ten() },
      ],
    },
  });
  const [first, second] = text.questions;
  const score = text.score(
    new Map([
      [first!.id, 'Stop'],
      [second!.id, 'red'],
    ]),
  );
  expect(score).toMatchObject({ questions: 2, metrics: { accuracy: 0.5 } });
});

test('scienceqa: letters, with a picture and without', async () => {
  const { questions, score, problems } = await open('scienceqa', {
    'scienceqa/llava_test_CQM-A.json': [
      { id: '1', image: '1/a.png', conversations: [{ value: '<image>\nWhich?\nA. cat\nB. dog' }] },
      { id: '2', conversations: [{ value: 'Which?\nA. iron\nB. wood' }] },
      { id: '2', conversations: [{ value: 'Again?' }] },
      { conversations: [] },
    ],
    'scienceqa/images/test/1/a.png': 'x',
    'scienceqa/problems.json': {
      1: { choices: ['cat', 'dog'], answer: 1, subject: 'natural science' },
      2: { choices: ['iron', 'wood'], answer: 0, subject: 'natural science' },
    },
  });
  expect(questions[0]?.prompt).toBe(
    "Which?\nA. cat\nB. dog\nAnswer with the option's letter from the given choices directly.",
  );
  expect(problems.map(({ where }) => where)).toEqual([
    'scienceqa/llava_test_CQM-A.json, entry 4',
    'question 2',
  ]);
  const { groups, metrics, unreadable } = score(
    new Map([
      ['1', 'B. dog'],
      ['2', 'C'],
    ]),
  );
  expect(metrics.accuracy).toBe(0.5);
  expect(groups['with picture']?.metrics.accuracy).toBe(1);
  expect(groups['without picture']?.metrics.accuracy).toBe(0);
  expect(unreadable).toBe(1);
});

test('seed: pictures alone, by the kind of question', async () => {
  const entry = { choice_a: 'one', choice_b: 'two', choice_c: 'three', choice_d: 'four' };
  const { questions, score, official } = await open('seed', {
    'seed_bench/llava-seed-bench.jsonl': lines(
      { question_id: '1', image: 'SEED-Bench-image/a.jpg', text: 'How many?\nA. one\nB. two' },
      { question_id: '2', image: 'SEED-Bench-video-image/b.jpg', text: 'What next?' },
    ),
    'seed_bench/SEED-Bench-image/a.jpg': 'x',
    'seed_bench/SEED-Bench.json': {
      question_type: { 'Instances Counting': 5 },
      questions: [{ ...entry, question_id: '1', question_type_id: 5, answer: 'B' }],
    },
  });
  expect(questions.map(({ id }) => id)).toEqual(['1']);
  const answers = new Map([['1', 'Two']]);
  expect(score(answers).groups['Instances Counting']?.metrics.accuracy).toBe(1);
  expect([...official(answers).values()][0]).toBe('{"question_id":"1","prediction":"B"}\n');
});

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

test('lines that are none, missing files and files of another kind are told', async () => {
  const { questions, problems } = await open('gqa', {
    'gqa/llava_gqa_testdev_balanced.jsonl': [
      '{"question_id": 1, "image": "a.jpg", "text": "What?"}',
      '{"question_id": 2, "image": "a.jpg"',
      '{"question_id": 3, "text": "What?"}',
      '{"question_id": 1, "image": "a.jpg", "text": "What else?"}',
    ].join('\n'),
    'gqa/data/images/a.jpg': 'x',
    'gqa/data/testdev_balanced_questions.json': { 1: { answer: 'x' } },
  });
  expect(questions.map(({ id }) => id)).toEqual(['1']);
  expect(problems).toEqual([
    { where: 'gqa/llava_gqa_testdev_balanced.jsonl:2', what: expect.stringContaining('no JSON') },
    { where: 'gqa/llava_gqa_testdev_balanced.jsonl:3', what: expect.stringContaining('image') },
    { where: 'question 1', what: expect.stringContaining('a second question') },
  ]);
  await expect(open('gqa', {})).rejects.toMatchObject({ code: 'NOT_FOUND' });
  const broken = { 'pope/llava_pope_test.jsonl': '', 'scienceqa/llava_test_CQM-A.json': '{}' };
  await expect(open('scienceqa', broken)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});

test('own: any of the answers given, articles and case aside; bad lines told', async () => {
  const line = (id: string | number, answer?: unknown, more = {}) => ({
    ...{ id, image: 'a.png', question: `question ${id}`, answer },
    ...more,
  });
  const { questions, problems, score } = await open('own', {
    'questions.jsonl': `\uFEFF${lines(
      line(1, 'The red car', { category: 'things' }),
      line(2, ['two', 'a pair'], { category: 'counts' }),
      line(3, 'A'),
      line(4),
      line(2, 'three'),
      line(6, 'x', { image: 'gone.png' }),
      line(7, 'x', { question: ' ' }),
      line(9, []),
      line(10, ['x', '']),
      line(11, '+'),
      { id: 8, question: 'without a picture', answer: 'yes' },
    )}\nno json\n`,
    'a.png': 'x',
  });
  expect(questions.map(({ id }) => id)).toEqual(['1', '2', '3', '4', '11', '8']);
  expect(problems.map(({ where }) => where.replace(/.*\//, ''))).toEqual([
    'questions.jsonl:7',
    'questions.jsonl:8',
    'questions.jsonl:9',
    'questions.jsonl:12',
    'question 2',
    'question 6',
  ]);
  expect(problems.slice(0, 3).map(({ what }) => what)).toEqual([
    'question: expected a text, got an empty one',
    'answer: expected a text, got an empty list',
    'answer: 1: expected a text, got an empty one',
  ]);
  const answers = new Map([
    ['1', 'red car.'],
    ['2', '2'],
    ['3', 'the'],
    ['4', 'whatever'],
    ['8', '!'],
  ]);
  expect(score(answers)).toMatchObject({
    ...{ questions: 4, metrics: { accuracy: 0.5 }, unreadable: 1, withoutTruth: 1 },
    groups: {
      counts: { questions: 1, metrics: { accuracy: 1 } },
      things: { questions: 1, metrics: { accuracy: 1 } },
    },
  });
  expect(score(new Map([['3', '(A)']])).metrics.accuracy).toBe(1);
  // What nothing is left of is not right for want of letters.
  expect(score(new Map([['11', '']]))).toMatchObject({ metrics: { accuracy: 0 }, unreadable: 1 });
  expect(score(new Map([['11', '+']]))).toMatchObject({ metrics: { accuracy: 1 }, unreadable: 0 });
});

test('points of each question, where each is judged by itself', async () => {
  const opened = await open('own', {
    'questions.jsonl': lines(
      { id: 1, question: 'a', answer: 'x' },
      { id: 2, question: 'b', answer: 'y' },
      { id: 3, question: 'c' },
    ),
  });
  const said = new Map([...'123'].map((id) => [id, 'x']));
  expect([...pointsByQuestion(opened, said)]).toEqual([
    ['1', 1],
    ['2', 0],
  ]);
  const circular = await open('mmbench-circular', {
    'mmbench/mmbench_dev_20230712.tsv': 'index\tquestion\tA\tB\tanswer\timage\n1\tq\ta\tb\tA\tAAAA',
  });
  expect(() => pointsByQuestion(circular, new Map([['1', 'A']]))).toThrow(/in groups/);
});

test('right answers that cannot be right are told, and do not count', async () => {
  const science = await open('scienceqa', {
    'scienceqa/llava_test_CQM-A.json': [{ id: 1, conversations: [{ value: 'Which?' }] }],
    'scienceqa/problems.json': { 1: { choices: ['a', 'b'], answer: 2 } },
  });
  expect(science.problems).toHaveLength(2);
  expect(science.score(new Map([['1', 'A']]))).toMatchObject({ questions: 0, withoutTruth: 1 });

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

  const asked = (id: string) => ({ question_id: id, image: 'a.jpg', text: `What ${id}?` });
  const people = (answer: string) => ({ question_id: 1, answers: [{ answer }] });
  const vqa = await open('vqav2', {
    'vqav2/llava_vqav2_mscoco_val2014.jsonl': lines(asked('1')),
    'vqav2/val2014/a.jpg': 'x',
    'vqav2/v2_mscoco_val2014_annotations.json': { annotations: [people('dog'), people('cat')] },
  });
  expect(vqa.problems.map(({ where }) => where)).toEqual(['question 1']);

  const pictured = { image: 'a.jpg', text: 'Is there a dog?' };
  const pope = await open('pope', {
    'pope/llava_pope_test.jsonl': lines({ ...pictured, question_id: 1, category: 'random' }),
    'pope/val2014/a.jpg': 'x',
    'pope/coco/coco_pope_random.json': lines(
      { ...pictured, label: 'yes' },
      { ...pictured, label: 'no' },
    ),
    'pope/coco/coco_pope_popular.json': '',
    'pope/coco/coco_pope_adversarial.json': '',
  });
  expect(pope.problems).toHaveLength(1);
  expect(pope.score(new Map([['random/1', 'yes']])).metrics.accuracy).toBe(1);

  const read = { image_id: 'a', question: 'What 1?' };
  const text = await open('textvqa', {
    'textvqa/llava_textvqa_val_v051_ocr.jsonl': lines({ ...asked('1'), question_id: 'a' }),
    'textvqa/train_images/a.jpg': 'x',
    'textvqa/TextVQA_0.5.1_val.json': {
      data: [
        { ...read, answers: ['stop'] },
        { ...read, answers: ['go'] },
      ],
    },
  });
  expect(text.problems).toHaveLength(1);

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
