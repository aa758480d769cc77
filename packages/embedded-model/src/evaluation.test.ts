import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { isRightAnswer, readEvaluation, scenePicture } from './index.js';

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

test('a scene is cut out of its sheet', () => {
  const sheet = (first: number) => ({
    data: Uint8Array.from({ length: 4 * 2 }, (_, i) => first + i),
    ...({ width: 4, height: 2, channels: 1 } as const),
  });
  const tiny = { ...set, imageSize: 2, sheetColumns: 2, sheetRows: 1 };
  const sheets = [sheet(0), sheet(100)];
  expect([...scenePicture(tiny, sheets, 1).data]).toEqual([2, 3, 6, 7]);
  expect([...scenePicture(tiny, sheets, 2).data]).toEqual([100, 101, 104, 105]);
  expect(() => scenePicture(tiny, sheets, 4)).toThrow('scene 4 has no place on a sheet');
});

test('an answer is right whatever its case, its spaces and what stands around it', () => {
  expect(isRightAnswer(' Top  left. ', 'top left')).toBe(true);
  expect(isRightAnswer('top', 'top left')).toBe(false);
});
