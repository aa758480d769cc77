/** Pictures decoded in another process. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadImage } from '@transprune/vlm';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { program, samplePath } from '../../testing/server.js';
import { type ImageDecoder, imageDecoder } from './decoder.js';

const limits = { imagePixels: 100 * 100, requestPixels: 150 * 100, imageMs: 60_000 };
const options = { param: 'p', left: limits.requestPixels, signal: new AbortController().signal };

let decoder: ImageDecoder;
beforeAll(async () => {
  decoder = imageDecoder(await program('images/image-process'), limits);
});
afterAll(() => decoder.close());

const scene = await readFile(samplePath('scene-1.png'));
const noise = Buffer.from(Array.from({ length: 12 * 8 * 4 }, (_, i) => (i * i * 7) % 256));
const raw = { raw: { width: 12, height: 8, channels: 4 } } as const;

describe('pixels are those that the engine reads itself', () => {
  test.each<[string, () => Promise<Buffer>]>([
    ['PNG', async () => scene],
    ['PNG with alpha', () => sharp(noise, raw).png().toBuffer()],
    ['PNG with a palette', () => sharp(noise, raw).png({ palette: true }).toBuffer()],
    ['grey PNG', () => sharp(noise, raw).removeAlpha().greyscale().png().toBuffer()],
    ['PNG of 16 bits', () => sharp(noise, raw).toColourspace('rgb16').png().toBuffer()],
    ['JPEG', () => sharp(noise, raw).jpeg().toBuffer()],
    ['grey JPEG', () => sharp(noise, raw).greyscale().jpeg().toBuffer()],
    ['turned JPEG', () => sharp(noise, raw).jpeg().withMetadata({ orientation: 6 }).toBuffer()],
    ['WebP', () => sharp(noise, raw).webp().toBuffer()],
    ['GIF', () => sharp(noise, raw).gif().toBuffer()],
  ])('%s', async (_, make) => {
    const bytes = await make();
    const { data, ...size } = await decoder.decode(bytes, options);
    const expected = await loadImage(bytes);
    expect(size).toEqual({ width: expected.width, height: expected.height, channels: 3 });
    expect(Buffer.from(data).equals(Buffer.from(expected.data))).toBe(true);
  });
});

describe('what is refused', () => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>';
  test.each<[string, () => Promise<Buffer> | Buffer, RegExp]>([
    ['no picture', () => Buffer.from('hello'), /expected a PNG, JPEG, WebP or GIF/],
    ['SVG', () => Buffer.from(svg), /expected a PNG/],
    ['TIFF', () => sharp(noise, raw).tiff().toBuffer(), /expected a PNG/],
    ['half a picture', () => scene.subarray(0, scene.length / 2), /expected a PNG/],
    [
      'a large picture',
      () =>
        sharp({ create: { width: 101, height: 100, channels: 3, background: 'red' } })
          .png()
          .toBuffer(),
      /at most 10000 pixels, and 15000 in a request/,
    ],
  ])('%s', async (_, make, expected) => {
    await expect(decoder.decode(await make(), options)).rejects.toMatchObject({
      code: 'INVALID_IMAGE',
      message: expect.stringMatching(expected),
      data: { field: 'p' },
    });
  });
});

test.each([0, 50])('a picture is refused where a request has %i pixels left', async (left) => {
  const png = await sharp(noise, raw).png().toBuffer();
  const decoding = decoder.decode(png, { ...options, left });
  await expect(decoding).rejects.toThrow('15000 in a request');
});

describe('a decoder', () => {
  /** Dies of 1, hangs at 2, and else answers a pixel. */
  async function weak(imageMs: number): Promise<ImageDecoder> {
    const folder = await mkdtemp(join(tmpdir(), 'transprune-'));
    const path = join(folder, 'weak.mjs');
    await writeFile(
      path,
      `process.on('message', ({ id, bytes: [first] }) => {
        if (first === 1) process.exit(1);
        if (first !== 2) process.send({ id, pixels: { data: new Uint8Array([first, 0, 0]), width: 1, height: 1, channels: 3 } });
      });
      process.on('disconnect', () => process.exit());`,
    );
    const decoder = imageDecoder(path, { ...limits, imageMs });
    onTestFinished(async () => {
      decoder.close();
      await rm(folder, { recursive: true });
    });
    return decoder;
  }
  const refused = { code: 'INVALID_IMAGE', message: expect.stringContaining('took too long') };

  test('that dies is replaced, and only the picture that it died of is lost', async () => {
    const decoder = await weak(60_000);
    const outcomes = await Promise.allSettled(
      [9, 1, 8, 1, 7].map((first) => decoder.decode(Uint8Array.of(first), options)),
    );
    expect(
      outcomes.map((each) => (each.status === 'fulfilled' ? each.value.data[0] : each.reason)),
    ).toMatchObject([9, refused, 8, refused, 7]);
  });

  test('does not decode what nobody waits for', async () => {
    const decoder = await weak(60_000);
    const controller = new AbortController();
    const { signal } = controller;
    // The first hangs, and the second would.
    const left = [2, 2].map((first) =>
      decoder.decode(Uint8Array.of(first), { ...options, signal }),
    );
    const other = decoder.decode(Uint8Array.of(9), options);
    controller.abort(new Error('left'));
    const outcomes = await Promise.allSettled(left);
    const reason = expect.objectContaining({ message: 'left' });
    expect(outcomes).toMatchObject([{ reason }, { reason }]);
    expect((await other).data[0]).toBe(9);
  });

  test('that is killed as it answers takes no other picture with it', async () => {
    const decoder = await weak(2000);
    await decoder.decode(Uint8Array.of(9), options);
    const late = decoder.decode(Uint8Array.of(8), options).catch(() => {});
    const next = decoder.decode(Uint8Array.of(7), options);
    // Let it be sent. Then its answer and the end of its time are both there when this process wakes up.
    await new Promise((resolve) => setImmediate(resolve));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500);
    await late;
    expect((await next).data[0]).toBe(7);
  });

  test('that takes too long is killed', async () => {
    const decoder = await weak(200);
    await expect(decoder.decode(Uint8Array.of(2), options)).rejects.toMatchObject(refused);
  });
});
