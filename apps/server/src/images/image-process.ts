/**
 * The program that decodes pictures, in a process of its own: what a hostile file does to the decoder ends
 * here, and a decoder that takes too long can be killed.
 */
import sharp from 'sharp';
import type { Decoded, DecodeReply, DecodeRequest } from './protocol.js';

// Formats that people send. Others, such as SVG and PDF, are programs more than pictures.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: [
    'VipsForeignLoadJpeg',
    'VipsForeignLoadPng',
    'VipsForeignLoadWebp',
    'VipsForeignLoadNsgif',
  ],
});
sharp.cache(false);
sharp.concurrency(1);

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
process.on('disconnect', () => process.exit());
process.on('message', async ({ id, bytes, pixels }: DecodeRequest) => {
  const decoded = await decode(bytes, pixels).catch((error: unknown) => ({
    fault: faultOf(error),
  }));
  process.send?.({ id, ...decoded } satisfies DecodeReply);
});

/** As the engine reads a file: turned as its camera was held, in RGB. The size is checked by the header. */
async function decode(bytes: Uint8Array, limitInputPixels: number): Promise<Decoded> {
  const image = sharp(bytes, { limitInputPixels });
  // Reads the header alone, and throws if it promises too many pixels.
  await image.metadata();
  const { data, info } = await image
    .rotate()
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  return { pixels: { data, width, height, channels: 3 } };
}

function faultOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
