/** The example pictures, which come with the embedded model. */

import type { Grid } from '@transprune/trace';
import data from '../../../../packages/embedded-model/samples/samples.json';

export const { imageSize } = data;
export const grid: Grid = { columns: data.grid, rows: data.grid };
/** Sides of a patch, in pixels: pictures whose sides are multiples of it hold whole patches. */
export const sizeStep = imageSize / grid.columns;
export const patchCount = grid.columns * grid.rows;

export interface Sample {
  readonly name: string;
  /** Below the page's folder. */
  readonly path: string;
  /** To suggest. */
  readonly questions: readonly string[];
}

/** Whether a question is answered right under High; what a description needs is soon dropped, and a word was. */
const isSuggested = ({ kind, question }: { readonly kind: string; readonly question: string }) =>
  kind !== 'describe' && question !== 'what word is in the middle left?';

export const samples: readonly Sample[] = data.samples.map(({ image, questions }) => ({
  name: image.replace(/\.png$/, ''),
  path: `samples/${image}`,
  questions: questions.filter(isSuggested).map(({ question }) => question),
}));

/** Patches that a sample's objects cover, all or those of a shape, as its generator knows. */
export function patchesOf(sample: string, shape?: string): readonly number[] {
  const found = data.samples.find(({ image }) => image === `${sample}.png`);
  const objects =
    found?.objects.filter(
      (object) => shape === undefined || ('shape' in object && object.shape === shape),
    ) ?? [];
  return objects.flatMap(({ patches }) => patches);
}
