import { decode } from 'fast-png';
import { expect, test } from 'vitest';
import { pictureFor } from './picture.js';

/** A picture whose left half is black, whose right half white. */
function halves(width: number, height: number) {
  const data = new Uint8Array(width * height * 3).map((_, at) =>
    Math.floor(at / 3) % width < width / 2 ? 0 : 255,
  );
  const pixels = { data, width, height, channels: 3 as const };
  return { pictures: [{ name: 'some/where/halves.png', pixels }], question: 'what?' };
}

const files = (config?: object) => ({
  readText: async () => config && JSON.stringify(config),
});

test('a small picture stays as it is, but for the folders in its name', async () => {
  const asked = halves(4, 2);
  const { name, width, height, url } = await pictureFor(asked, files());
  expect({ name, width, height }).toEqual({ name: 'halves.png', width: 4, height: 2 });
  const png = decode(Buffer.from(url.split(',')[1]!, 'base64'));
  expect([...png.data]).toEqual([...asked.pictures[0]!.pixels.data]);
});

test('a large one is made smaller: pixels are means', async () => {
  const { width, height, url } = await pictureFor(halves(1026, 2), files({}));
  expect([width, height]).toEqual([512, 1]);
  const png = decode(Buffer.from(url.split(',')[1]!, 'base64'));
  const [first, last] = [png.data[0], png.data.at(-1)];
  expect([first, last]).toEqual([0, 255]);
});

test('what the model crops is cropped', async () => {
  const { width, height, url } = await pictureFor(halves(6, 2), files({ do_center_crop: true }));
  expect([width, height]).toEqual([2, 2]);
  const png = decode(Buffer.from(url.split(',')[1]!, 'base64'));
  expect([...png.data]).toEqual([0, 0, 0, 255, 255, 255, 0, 0, 0, 255, 255, 255]);
});
