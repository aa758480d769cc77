/** Which picture is shown when several are chosen; each is read when it is told to. */
import { beforeEach, expect, test, vi } from 'vitest';
import { chooseFile, chooseSample } from './choose-picture.js';
import type { Picture } from './picture.js';
import { samples } from './samples.js';
import { failure, picture, question, shown, status } from './store.js';

const reads = new Map<string, { resolve(): void; reject(reason: Error): void }>();
const stops = { count: 0 };

vi.mock('./picture.js', () => ({
  readPicture: (_: Blob, name: string, isSample: boolean) =>
    new Promise<Picture>((resolve, reject) => {
      const read = { name, isSample, image: {} as ImageData, url: '' };
      reads.set(name, { resolve: () => resolve(read), reject });
    }),
}));

vi.mock('./ask.js', () => ({ stop: () => stops.count++ }));

beforeEach(() => {
  reads.clear();
  stops.count = 0;
  picture.value = undefined;
  failure.value = undefined;
  status.value = '';
});

test('a picture that is read late is not shown in place of the one that was chosen after it', async () => {
  const first = chooseFile(new Blob(), 'large');
  const second = chooseFile(new Blob(), 'small');
  reads.get('small')?.resolve();
  expect(await second).toBe(true);
  reads.get('large')?.resolve();
  expect(await first).toBe(false);
  expect(picture.value?.name).toBe('small');
  expect(status.value).toBe('The picture small is chosen');
});

test('nor is told what was wrong with it', async () => {
  const first = chooseFile(new Blob(), 'large');
  const second = chooseFile(new Blob(), 'small');
  reads.get('small')?.resolve();
  await second;
  reads.get('large')?.reject(new Error('large is no picture'));
  await first;
  expect(failure.value).toBeUndefined();
});

test('a picture that is taken ends the answer about the one before; one that is refused does not', async () => {
  shown.value = { question: 'what is it?' } as NonNullable<typeof shown.value>;
  const refused = chooseFile(new Blob(), 'text');
  reads.get('text')?.reject(new Error('text is no picture'));
  await refused;
  expect([stops.count, failure.value, shown.value?.question]).toEqual([
    ...[0, 'text is no picture', 'what is it?'],
  ]);
  const taken = chooseFile(new Blob(), 'photo');
  reads.get('photo')?.resolve();
  await taken;
  expect([stops.count, failure.value, shown.value]).toEqual([1, undefined, undefined]);
});

test('a question of another example gives way to one of the example, unless it is to stay', async () => {
  vi.stubGlobal('fetch', async () => new Response('png'));
  const [first, second] = samples;
  if (!first || !second) throw new Error('expected examples');
  const foreign = first.questions.find((text) => !second.questions.includes(text)) ?? '';
  const choose = async (hasQuestion: boolean, before = foreign) => {
    question.value = before;
    const chosen = chooseSample(second, hasQuestion);
    await vi.waitFor(() => expect(reads.has(second.name)).toBe(true));
    question.value = foreign;
    reads.get(second.name)?.resolve();
    await chosen;
    reads.clear();
    return question.value;
  };
  expect(await choose(false)).toBe(foreign);
  expect(await choose(true)).toBe(second.questions[0]);
  expect(await choose(true, 'mine')).toBe(foreign);
  vi.unstubAllGlobals();
});
