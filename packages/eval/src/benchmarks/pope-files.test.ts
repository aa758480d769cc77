/** POPE on lines as LLaVA's llava_pope_test.jsonl and POPE's label files have them, before and after these were mended. */
import { expect, test } from 'vitest';
import { lines, open, parsedLines, suffix } from '../../testing/benchmark.js';

/** LLaVA counts on from 1, 10000001 and 20000001, and misspells a word here and there. */
const asked = (question_id: number, category: string, object: string, image = 'a.jpg') => ({
  ...{ question_id, image, text: `Is there ${object}?${suffix}`, category },
});

/** POPE counts each split from 1. */
const label = (question_id: number, object: string, answer: string) => ({
  ...{ question_id, image: 'a.jpg', text: `Is there ${object}?`, label: answer },
});

const labels = (random: string) => ({
  'pope/coco/coco_pope_random.json': random,
  'pope/coco/coco_pope_popular.json': lines(label(1, 'a cup in the image', 'no')),
  'pope/coco/coco_pope_adversarial.json': lines(label(1, 'a dog in the image', 'yes')),
});
const questions = [
  asked(1, 'adversarial', 'a dog in the image'),
  asked(10000001, 'random', 'a dog in the image'),
  asked(10000002, 'random', 'an apple in the imange'),
  asked(10000003, 'random', 'a car in the image'),
];
const files = {
  'pope/llava_pope_test.jsonl': lines(...questions),
  'pope/val2014/a.jpg': 'x',
};

/** As in the release that LLaVA's questions are made of. */
const misspelt = lines(
  label(1, 'a dog in the image', 'yes'),
  label(2, 'an apple in the imange', 'no'),
  label(3, 'a car in the image', 'no'),
);

/** A later one: another order, and one more. */
const mended = lines(
  label(1, 'a car in the image', 'no'),
  label(2, 'a dog in the image', 'yes'),
  label(3, 'a cup in the image', 'no'),
  label(4, 'an apple in the image', 'no'),
);

const said = new Map([
  ['adversarial/1', 'Yes'],
  ['random/10000001', 'Yes'],
  ['random/10000002', 'No'],
  ['random/10000003', 'No, none'],
]);

test.each([
  ['spell as the questions do', misspelt],
  ['are mended', mended],
])('all questions find their labels, if these %s', async (_, random) => {
  const { problems, score, pointsOf } = await open('pope', { ...files, ...labels(random) });
  expect(problems).toEqual([]);
  expect(score(said)).toMatchObject({
    ...{ questions: 4, metrics: { accuracy: 1 }, withoutTruth: 0 },
    groups: { random: { questions: 3 } },
  });
  expect(pointsOf?.('random/10000002', 'Yes')).toBe(0);
});

/** evaluate.py pairs the field `answer` with the labels, place by place. */
test('a split is written in the order of its labels', async () => {
  const shuffled = misspelt.split('\n').reverse().join('\n');
  const { official, leftOut } = await open('pope', { ...files, ...labels(shuffled) });
  expect(leftOut?.(said)).toEqual([]);
  const written = official(said);
  const answers = parsedLines(written.get('pope/random.jsonl')).map(({ answer }) => answer);
  expect(answers).toEqual(['no', 'no', 'yes']);
  // None of its questions is asked.
  expect(written.has('pope/popular.jsonl')).toBe(false);
});

const part = [{ where: 'pope/coco/coco_pope_random.json', what: expect.any(String) }];

test.each([
  ['a question is not answered', misspelt, (id: string) => id !== 'random/10000002'],
  ['it has labels of other questions', mended, () => true],
  ['a label is none', `${misspelt}\n{"question_id": 4`, () => true],
])('a split is left out, and told, if %s', async (_, random, isAnswered) => {
  const { official, leftOut } = await open('pope', { ...files, ...labels(random) });
  const answers = new Map([...said].filter(([id]) => isAnswered(id)));
  expect(leftOut?.(answers)).toEqual(part);
  expect([...official(answers).keys()].filter((path) => path.includes('random'))).toEqual([]);
  expect(official(answers).get('pope/adversarial.jsonl')).toContain('"answer":"yes"');
});

test('a split is left out, and told, if a picture is missing', async () => {
  const gone = questions.map((each) =>
    each.question_id === 10000001 ? { ...each, image: 'gone.jpg' } : each,
  );
  const { official, leftOut, problems } = await open('pope', {
    ...files,
    ...labels(misspelt),
    'pope/llava_pope_test.jsonl': lines(...gone),
  });
  expect(problems).toHaveLength(1);
  expect(leftOut?.(said)).toEqual(part);
  expect([...official(said).keys()].filter((path) => path.includes('random'))).toEqual([]);
});
