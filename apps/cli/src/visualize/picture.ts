/** A picture as figures show it: what the model sees of it, small enough for a file. */
import type { VlmFiles } from '@transprune/files';
import type { TracePicture } from '@transprune/trace';
import type { Pixels } from '@transprune/vlm';
import type { Question } from '../run/inputs.js';

/** Pixels of the longer side at most. */
const longSide = 512;

/** The picture of a question, cropped if the model's `preprocessor_config.json` says so. */
export async function pictureFor(
  { pictures: [picture] }: Question,
  files: Pick<VlmFiles, 'readText'>,
): Promise<TracePicture> {
  if (!picture) throw new Error('expected a picture');
  const text = (await files.readText('preprocessor_config.json')) ?? '{}';
  const { do_center_crop: isCropped }: { do_center_crop?: unknown } = JSON.parse(text);
  const { pixels } = picture;
  const seen = shrunk(isCropped === true ? middle(pixels) : pixels);
  const { data, width, height, channels } = seen;
  const { encode } = await import('fast-png');
  const png = encode({ data, width, height, channels, depth: 8 });
  const url = `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
  // Folders are nobody's business whom a report is sent to.
  const name = picture.name.split(/[/\\]/).at(-1) ?? picture.name;
  return { name, width, height, url };
}

/** A rectangle of a picture. */
interface View extends Pixels {
  readonly left: number;
  readonly top: number;
  /** Pixels in a row of the whole picture. */
  readonly stride: number;
}

function middle(pixels: Pixels): View {
  const { width, height } = pixels;
  const side = Math.min(width, height);
  const [left, top] = [width - side, height - side].map((rest) => Math.floor(rest / 2));
  return { ...pixels, width: side, height: side, left: left ?? 0, top: top ?? 0, stride: width };
}

/** Each pixel is the mean of those that it stands for. */
function shrunk(pixels: Pixels | View): Pixels {
  const { data, channels } = pixels;
  const { left = 0, top = 0, stride = pixels.width } = pixels as Partial<View>;
  const scale = Math.min(1, longSide / Math.max(pixels.width, pixels.height));
  const [width, height] = [pixels.width, pixels.height].map((side) =>
    Math.max(1, Math.round(side * scale)),
  ) as [number, number];
  const small = new Uint8Array(width * height * channels);
  const rows = ranges(pixels.height, height, top);
  const columns = ranges(pixels.width, width, left);
  for (const [y, [firstRow, endRow]] of rows.entries()) {
    for (const [x, [firstColumn, endColumn]] of columns.entries()) {
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0;
        for (let row = firstRow; row < endRow; row++) {
          for (let column = firstColumn; column < endColumn; column++) {
            sum += data[(row * stride + column) * channels + channel] ?? 0;
          }
        }
        const count = (endRow - firstRow) * (endColumn - firstColumn);
        small[(y * width + x) * channels + channel] = Math.round(sum / count);
      }
    }
  }
  return { data: small, width, height, channels };
}

/** Parts of a side, each with at least one pixel. */
function ranges(side: number, parts: number, offset: number): [from: number, to: number][] {
  return Array.from({ length: parts }, (_, at) => {
    const from = Math.floor((at * side) / parts);
    const to = Math.max(from + 1, Math.floor(((at + 1) * side) / parts));
    return [offset + from, offset + to];
  });
}
