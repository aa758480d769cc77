/** Answers that are yes or no, as two benchmarks read them. */
export type YesNo = 'yes' | 'no';

/**
 * MME's rule: the word stands among the first four letters.
 *
 * @see https://github.com/BradyFU/Awesome-Multimodal-Large-Language-Models/tree/Evaluation
 */
export function yesNoAtStart(answer: string): YesNo | undefined {
  const start = answer.trim().toLowerCase().slice(0, 4);
  if (start.includes('yes')) return 'yes';
  return start.includes('no') ? 'no' : undefined;
}

/**
 * POPE's rule: no, if the first sentence has the word `no` or `not`; else yes.
 *
 * @see https://github.com/AoiDragon/POPE
 */
export function yesUnlessNo(answer: string): YesNo {
  const [sentence = ''] = answer.split('.');
  const words = sentence.replaceAll(',', '').split(' ');
  return words.some((word) => ['No', 'not', 'no'].includes(word)) ? 'no' : 'yes';
}
