import { expect, test } from 'vitest';
import { lines, open, suffix } from '../../testing/benchmark.js';

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

test('of two right answers to a question the first counts, and that there are two is told', async () => {
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
});
