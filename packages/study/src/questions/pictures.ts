/** Pictures that say less than the original. */
import type { Pixels } from '@transprune/vlm';
import sharp from 'sharp';

/** What a question is asked about: the picture, one with fewer pixels, or none. */
export type Shown = 'picture' | 'blank' | { readonly side: number };

/** Grey between black and white: what a picture of nothing is. */
const grey = 128;

/** The picture as it is shown, in its own size, which encoders of one size need. */
export async function shownPicture(picture: Pixels, shown: Shown): Promise<Pixels> {
  if (shown === 'picture') return picture;
  const { data, width, height, channels } = picture;
  if (shown === 'blank') return { ...picture, data: new Uint8Array(data.length).fill(grey) };
  const raw = { width, height, channels };
  const small = await sharp(data, { raw })
    .resize(shown.side, shown.side, { fit: 'fill', kernel: 'lanczos3' })
    .raw()
    .toBuffer();
  const large = await sharp(small, { raw: { width: shown.side, height: shown.side, channels } })
    .resize(width, height, { fit: 'fill', kernel: 'cubic' })
    .raw()
    .toBuffer();
  return { ...picture, data: Uint8Array.from(large) };
}
