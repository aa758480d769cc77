/** The example pictures, which come with the embedded model. */
import data from '../../../../packages/embedded-model/samples/samples.json';

export const { imageSize, grid: patchesPerSide } = data;

export interface Sample {
  readonly name: string;
  /** Below the page's folder. */
  readonly path: string;
  readonly questions: readonly string[];
}

export const samples: readonly Sample[] = data.samples.map(({ image, questions }) => ({
  name: image.replace(/\.png$/, ''),
  path: `samples/${image}`,
  questions: questions.map(({ question }) => question),
}));
