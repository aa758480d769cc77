import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readEvaluation } from './index.js';

const set = readEvaluation();

test('every scene has its place on a sheet', () => {
  expect(set.sheets.every((path) => existsSync(path))).toBe(true);
  const places = set.sheets.length * set.sheetColumns * set.sheetRows;
  expect(set.scenes.length).toBeGreaterThan(0);
  expect(set.scenes.length).toBeLessThanOrEqual(places);
});

test('counts and priors of each kind are those of its questions', () => {
  const questions = set.scenes.flatMap((scene) => scene.questions);
  for (const [kind, { questions: count, prior }] of Object.entries(set.kinds)) {
    const answers = questions.filter((q) => q.kind === kind).map(({ answer }) => answer);
    expect(answers).toHaveLength(count);
    const frequent = Math.max(...answers.map((a) => answers.filter((b) => a === b).length));
    expect(prior).toBeCloseTo(frequent / count, 3);
  }
});

test('objects of a question are in its scene, their patches in the image', () => {
  const patches = (set.imageSize / 8) ** 2;
  for (const { objects, questions } of set.scenes) {
    for (const index of questions.flatMap((q) => q.objects)) expect(objects[index]).toBeDefined();
    for (const patch of objects.flatMap((o) => o.patches)) expect(patch).toBeLessThan(patches);
  }
});
