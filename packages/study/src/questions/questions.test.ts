import { expect, test } from 'vitest';
import { drawQuestions, readHeldOut, sampleQuestions, unseenQuestions } from './held-out.js';

const heldOut = await readHeldOut();

const countsOf = (questions: readonly { kind: string }[]) =>
  heldOut.kinds.map((kind) => questions.filter((question) => question.kind === kind).length);

test('held-out questions have ids of their own and the pictures of their scenes', () => {
  const { questions, set } = heldOut;
  expect(new Set(questions.map(({ id }) => id)).size).toBe(questions.length);
  for (const { picture } of questions.slice(0, 20)) {
    expect([picture.width, picture.height]).toEqual([set.imageSize, set.imageSize]);
  }
  const byScene = new Map(questions.map(({ scene, picture }) => [scene, picture]));
  expect(byScene.get(0)?.data).not.toEqual(byScene.get(1)?.data);
});

test('a sample has as many questions of each kind, and is that of its seed', () => {
  const { questions, kinds } = heldOut;
  const sample = sampleQuestions(questions, 5 * kinds.length, 1);
  expect(countsOf(sample)).toEqual(kinds.map(() => 5));
  expect(sampleQuestions(questions, 5 * kinds.length, 1)).toEqual(sample);
  expect(sampleQuestions(questions, 5 * kinds.length, 2)).not.toEqual(sample);
  expect(sampleQuestions(questions, 1e9, 1)).toEqual(questions);
  // A smaller sample of a sample is among it.
  const inner = sampleQuestions(sample, 2 * kinds.length, 1);
  expect(inner.every((question) => sample.includes(question))).toBe(true);
  expect(countsOf(inner)).toEqual(kinds.map(() => 2));
});

test('questions are drawn as they come, by the seed, and fewer are among more', () => {
  const { questions } = heldOut;
  const drawn = drawQuestions(questions, 600, 2);
  expect(drawn.length).toBe(600);
  expect(drawQuestions(questions, 600, 2)).toEqual(drawn);
  expect(drawQuestions(questions, 600, 3)).not.toEqual(drawn);
  expect(drawQuestions(questions, 1e9, 2)).toEqual(questions);
  const fewer = drawQuestions(questions, 100, 2);
  expect(fewer.every((question) => drawn.includes(question))).toBe(true);
  // Within four standard deviations of each kind's own share.
  const [all, own] = [countsOf(questions), countsOf(drawn)];
  for (const [at, count] of all.entries()) {
    const share = count / questions.length;
    expect(Math.abs((own[at] ?? 0) - 600 * share)).toBeLessThan(
      4 * Math.sqrt(600 * share * (1 - share)),
    );
  }
});

test('no question that the recipe was judged by is asked, and enough of every kind are left', () => {
  const unseen = unseenQuestions(heldOut.questions);
  const judged = sampleQuestions(heldOut.questions, 240, 1);
  expect(unseen.some((question) => judged.includes(question) || question.scene < 40)).toBe(false);
  expect(Math.min(...countsOf(unseen))).toBeGreaterThan(40);
});
