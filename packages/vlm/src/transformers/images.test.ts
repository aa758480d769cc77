import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { samplesDirectory } from '@transprune/small-model';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ImageSource } from '../frontend.js';
import { loadImage } from './images.js';

const path = join(samplesDirectory, 'scene-1.png');

describe('an image', () => {
  test('is the same from a path, bytes, a file URL, a data URL and the network', async () => {
    const bytes = await readFile(path);
    const server = createServer((request, response) => {
      response.writeHead(request.url === '/scene.png' ? 200 : 404).end(bytes);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const host = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const expected = await loadImage(path);
    expect([expected.width, expected.height, expected.channels]).toEqual([96, 96, 3]);
    const sources: ImageSource[] = [
      bytes,
      new Blob([bytes]),
      pathToFileURL(path),
      `data:image/png;base64,${bytes.toString('base64')}`,
      `${host}/scene.png`,
    ];
    for (const source of sources) {
      expect((await loadImage(source)).data, String(source).slice(0, 40)).toEqual(expected.data);
    }
    await expect(loadImage(`${host}/none.png`)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('of any number of channels becomes RGB', async () => {
    const cases = [
      [1, [9], [9, 9, 9]],
      [2, [9, 255], [9, 9, 9]],
      [3, [1, 2, 3], [1, 2, 3]],
      [4, [1, 2, 3, 255], [1, 2, 3]],
    ] as const;
    for (const [channels, pixel, expected] of cases) {
      const image = await loadImage({
        data: Uint8Array.from(pixel),
        width: 1,
        height: 1,
        channels,
      });
      expect([...image.data]).toEqual(expected);
    }
  });

  test('may have a name that URLs escape', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'transprune images '));
    onTestFinished(() => rm(folder, { recursive: true }));
    const copy = join(folder, 'füße 1.png');
    await copyFile(path, copy);
    for (const source of [copy, pathToFileURL(copy), pathToFileURL(copy).href]) {
      expect((await loadImage(source)).width).toBe(96);
    }
  });

  test('in memory is not changed', async () => {
    const data = Uint8Array.of(1, 2, 3, 4);
    await loadImage({ data, width: 1, height: 1, channels: 4 });
    expect([...data]).toEqual([1, 2, 3, 4]);
  });
});

describe('what is no image', () => {
  test('is refused by name', async () => {
    const file = join(samplesDirectory, 'samples.json');
    const cut = (await readFile(path)).subarray(0, 200);
    const cases: [ImageSource, string][] = [
      [file, `expected "${file}" to be an image such as PNG, JPEG or WebP`],
      [cut, 'expected the 200 bytes to be an image'],
      [new Uint8Array(0), 'expected the 0 bytes to be an image'],
      [new Blob(['text']), 'expected the 4 bytes to be an image'],
      ['data:image/png;base64,AAAA', 'expected the data URL to be an image'],
      [
        { data: new Uint8Array(5), width: 2, height: 1, channels: 3 },
        '(5 bytes for 2 x 1 pixels of 3 channels)',
      ],
    ];
    for (const [source, message] of cases) {
      await expect(loadImage(source)).rejects.toMatchObject({
        code: 'INVALID_IMAGE',
        message: expect.stringContaining(message),
      });
    }
  });

  test('is told from what is not there', async () => {
    for (const missing of ['/nowhere/photo.png', pathToFileURL('/nowhere/photo.png')]) {
      await expect(loadImage(missing)).rejects.toMatchObject({
        code: 'NOT_FOUND',
        message: `there is no image at "${missing}"; check the path`,
        data: { image: String(missing) },
      });
    }
  });

  test('may be an address that cannot be reached', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    await expect(loadImage(`http://localhost:${port}/photo.png`)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('can be reached'),
    });
  });

  test('may be a folder', async () => {
    await expect(loadImage(samplesDirectory)).rejects.toMatchObject({ code: 'INVALID_IMAGE' });
  });
});
