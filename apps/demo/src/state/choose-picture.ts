/** Pictures that the user chooses. */
import { type Picture, readPicture } from './picture.js';
import { type Sample, samples } from './samples.js';
import { failure, picture, question, shown, stage, status } from './store.js';

/** Shows one of the examples, with its first question if the one asked is another example's. */
export async function chooseSample(sample: Sample): Promise<void> {
  const { name, path, questions } = sample;
  const isTaken = await take(async () => readPicture(await fetchSample(path), name, true));
  const isSuggested = samples.some((other) => other.questions.includes(question.value));
  if (isTaken && isSuggested && !questions.includes(question.value)) {
    question.value = questions[0] ?? '';
  }
}

/** Shows a file of the user's, which stays in this browser. */
export async function chooseFile(file: Blob, name: string): Promise<void> {
  const isTaken = await take(() => readPicture(file, name));
  if (isTaken) status.value = `The picture ${name} is chosen`;
}

async function fetchSample(path: string): Promise<Blob> {
  const response = await fetch(path).catch(() => undefined);
  if (!response?.ok) throw new Error(`${path} could not be fetched; check the network`);
  return response.blob();
}

/**
 * Shows a picture in place of the one before; what was shown belonged to that one.
 *
 * @returns false if it could not be read, which `failure` tells
 */
async function take(read: () => Promise<Picture>): Promise<boolean> {
  try {
    picture.value = await read();
  } catch (error) {
    failure.value = error instanceof Error ? error.message : String(error);
    status.value = failure.value;
    return false;
  }
  failure.value = undefined;
  shown.value = undefined;
  stage.value = 0;
  return true;
}
