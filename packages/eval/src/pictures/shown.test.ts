import sharp from 'sharp';
import { expect, test } from 'vitest';
import type { Picture, Question } from '../benchmark.js';
import { seeingLess, shownPixels } from './shown.js';

/** Stripes of a pixel: what four pixels in one lose. */
const data = Uint8Array.from({ length: 16 * 16 * 3 }, (_, at) => (Math.floor(at / 3) % 2) * 255);
const stripes = { data, width: 16, height: 16, channels: 3 } as const;

const spread = (values: Uint8Array) => Math.max(...values) - Math.min(...values);

test('a picture with fewer pixels has its size and less in it; a blank one nothing', async () => {
  const coarse = await shownPixels(stripes, { side: 4 });
  expect([coarse.width, coarse.height, coarse.data.length]).toEqual([16, 16, data.length]);
  expect(spread(coarse.data)).toBeLessThan(100);
  const blank = await shownPixels(stripes, 'blank');
  expect(new Set(blank.data)).toEqual(new Set([128]));
});

test('whoever is asked sees less, under another name; a question about text is as it was', async () => {
  const asked: Question[] = [];
  const answerer = {
    name: 'model',
    answer: async (question: Question) => {
      asked.push(question);
      return { text: 'yes' };
    },
  };
  const raw = { width: 16, height: 16, channels: 3 } as const;
  const bytes = await sharp(data, { raw }).ensureAlpha(1).png().toBuffer();
  const { signal } = new AbortController();
  for (const shown of ['blank', { side: 4 }] as const) {
    const less = seeingLess(answerer, shown);
    expect(less.name).toBe(shown === 'blank' ? 'model, blind' : 'model, 4 x 4 pixels');
    await less.answer({ id: '1', prompt: 'what?', picture: { bytes } }, signal);
    const seen = await pixelsOf(asked.at(-1)?.picture);
    expect([seen.info.width, seen.info.height, seen.info.channels]).toEqual([16, 16, 3]);
    expect(spread(seen.data)).toBeLessThan(shown === 'blank' ? 1 : 100);
    await less.answer({ id: '2', prompt: 'what?' }, signal);
    expect(asked.at(-1)).toEqual({ id: '2', prompt: 'what?' });
  }
  expect(asked.map(({ prompt }) => prompt)).toEqual(['what?', 'what?', 'what?', 'what?']);
});

test('a picture that is none fails, and nobody is asked', async () => {
  const never = { name: 'model', answer: () => Promise.reject(new Error('asked')) };
  const picture = { bytes: Uint8Array.of(1, 2, 3) };
  await expect(
    seeingLess(never, 'blank').answer(
      { id: '1', prompt: 'what?', picture },
      new AbortController().signal,
    ),
  ).rejects.toThrow(/unsupported image format/);
});

async function pixelsOf(picture: Picture | undefined) {
  if (!picture || !('bytes' in picture)) throw new Error('expected bytes');
  return sharp(picture.bytes).raw().toBuffer({ resolveWithObject: true });
}
