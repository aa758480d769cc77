import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { samplesDirectory } from '@transprune/embedded-model';
import type { Question } from './ask.js';

/** Questions about the embedded model's pictures, or about others that are laid out like them; answers differ in length. */
export function sampleQuestions(folder: string = samplesDirectory): Question[] {
  const { samples } = JSON.parse(readFileSync(join(folder, 'samples.json'), 'utf8')) as {
    samples: { image: string; questions: { question: string }[] }[];
  };
  return samples.flatMap(({ image, questions }) => {
    const bytes = readFileSync(join(folder, image)).toString('base64');
    const images = [`data:image/png;base64,${bytes}`];
    return questions.map(({ question }) => ({ text: question, images }));
  });
}
