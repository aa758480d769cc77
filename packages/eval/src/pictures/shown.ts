/** Pictures that say less than the original: what can be answered without them tells which questions need detail. */
import sharp from 'sharp';
import type { Picture } from '../benchmark.js';
import type { Answerer } from '../run/answerer.js';

/** Nothing of a picture: it is grey all over; or as much as `side` x `side` pixels hold of it. */
export type Shown = 'blank' | { readonly side: number };

/** Grey between black and white. */
const grey = 128;

/** Rows of pixels from the top. */
export interface PixelData {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 2 | 3 | 4;
}

/** As it is shown, in its own size, which encoders of one size need. */
export async function shownPixels<T extends PixelData>(picture: T, shown: Shown): Promise<T> {
  const { data, width, height, channels } = picture;
  if (shown === 'blank') return { ...picture, data: new Uint8Array(data.length).fill(grey) };
  const small = await sharp(data, { raw: { width, height, channels } })
    .resize(shown.side, shown.side, { fit: 'fill', kernel: 'lanczos3' })
    .raw()
    .toBuffer();
  const large = await sharp(small, { raw: { width: shown.side, height: shown.side, channels } })
    .resize(width, height, { fit: 'fill', kernel: 'cubic' })
    .raw()
    .toBuffer();
  return { ...picture, data: Uint8Array.from(large) };
}

/**
 * Asks somebody, of pictures that say less; their answers are noted under a name of their own.
 *
 * @throws what `answer` throws; also if a picture can't be read
 */
export function seeingLess(answerer: Answerer, shown: Shown): Answerer {
  const seen = shown === 'blank' ? 'blind' : `${shown.side} x ${shown.side} pixels`;
  return {
    name: `${answerer.name}, ${seen}`,
    async answer(question, signal) {
      const { picture } = question;
      const less = picture && { picture: await shownPicture(picture, shown) };
      return answerer.answer({ ...question, ...less }, signal);
    },
  };
}

/** The same of a picture in a file or in a benchmark's own. */
async function shownPicture(picture: Picture, shown: Shown): Promise<Picture> {
  const { data, info } = await sharp('path' in picture ? picture.path : picture.bytes)
    .rotate()
    .flatten({ background: 'white' })
    .toColorspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  const channels = 3;
  const seen = await shownPixels({ data, width, height, channels }, shown);
  return { bytes: await sharp(seen.data, { raw: { width, height, channels } }).png().toBuffer() };
}
