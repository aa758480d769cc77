/** Pictures that the user chooses. */
import { stop } from './ask.js';
import { type Picture, readPicture } from './picture.js';
import { type Sample, samples } from './samples.js';
import { failure, picture, question, shown, stage, status } from './store.js';

/** Counts what was chosen. */
let choices = 0;

/**
 * Shows one of the examples.
 *
 * @param hasQuestion whether its first question is asked in place of one of another example
 * @returns false if it could not be read, or another picture was chosen meanwhile
 */
export async function chooseSample(sample: Sample, hasQuestion = true): Promise<boolean> {
  const { name, path, questions } = sample;
  const { value: before } = question;
  const isTaken = await take(async () => readPicture(await fetchSample(path), name, true));
  // What was written meanwhile stays.
  const isSuggested =
    question.value === before && samples.some((other) => other.questions.includes(before));
  if (hasQuestion && isTaken && isSuggested && !questions.includes(before)) {
    question.value = questions[0] ?? '';
  }
  return isTaken;
}

/**
 * Shows a file of the user's, which stays in this browser.
 *
 * @returns false if it could not be read, or another picture was chosen meanwhile
 */
export async function chooseFile(file: Blob, name: string): Promise<boolean> {
  const isTaken = await take(() => readPicture(file, name));
  if (isTaken) status.value = `The picture ${name} is chosen`;
  return isTaken;
}

async function fetchSample(path: string): Promise<Blob> {
  const response = await fetch(path).catch(() => undefined);
  if (!response?.ok) throw new Error(`${path} could not be fetched; check the network`);
  return response.blob();
}

/** Shows a picture in place of the one before; what was shown or asked belonged to that one. */
async function take(read: () => Promise<Picture>): Promise<boolean> {
  const own = ++choices;
  try {
    const found = await read();
    if (own !== choices) return false;
    picture.value = found;
  } catch (error) {
    if (own !== choices) return false;
    failure.value = error instanceof Error ? error.message : String(error);
    status.value = failure.value;
    return false;
  }
  stop();
  failure.value = undefined;
  shown.value = undefined;
  stage.value = 0;
  return true;
}
