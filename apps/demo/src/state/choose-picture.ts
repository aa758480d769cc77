/** Pictures that the user chooses. */
import { type Picture, readPicture } from './picture.js';
import { type Sample, samples } from './samples.js';
import { failure, picture, question, shown, stage, status } from './store.js';

/** Shows one of the examples, with its first question if the one asked is another example's. */
export async function chooseSample(sample: Sample): Promise<void> {
  const response = await fetch(sample.path);
  const chosen = await readPicture(await response.blob(), sample.name, true);
  const isSuggested = samples.some(({ questions }) => questions.includes(question.value));
  if (isSuggested && !sample.questions.includes(question.value)) {
    question.value = sample.questions[0] ?? '';
  }
  take(chosen);
}

/** Shows a file of the user's, which stays in this browser. */
export async function chooseFile(file: Blob, name: string): Promise<void> {
  try {
    take(await readPicture(file, name));
    status.value = `The picture ${name} is chosen`;
  } catch (error) {
    failure.value = error instanceof Error ? error.message : String(error);
    status.value = failure.value;
  }
}

/** What was shown before belongs to another picture. */
function take(chosen: Picture): void {
  failure.value = undefined;
  picture.value = chosen;
  shown.value = undefined;
  stage.value = 0;
}
