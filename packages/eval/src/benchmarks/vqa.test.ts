import { expect, test } from 'vitest';
import { lines, open, suffix } from '../../testing/benchmark.js';

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

test('of two right answers to a question the first counts, and that there are two is told', async () => {
  const asked = (id: string) => ({ question_id: id, image: 'a.jpg', text: `What ${id}?` });
  const people = (answer: string) => ({ question_id: 1, answers: [{ answer }] });
  const vqa = await open('vqav2', {
    'vqav2/llava_vqav2_mscoco_val2014.jsonl': lines(asked('1')),
    'vqav2/val2014/a.jpg': 'x',
    'vqav2/v2_mscoco_val2014_annotations.json': { annotations: [people('dog'), people('cat')] },
  });
  expect(vqa.problems.map(({ where }) => where)).toEqual(['question 1']);

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
});
