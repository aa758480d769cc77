/** The letter of the option that an answer chooses. */

/** How LLaVA's scripts ask for it. */
export const letterInstruction = "Answer with the option's letter from the given choices directly.";

/**
 * Reads `B`, `B.`, `B) a dog`, `(B)`, `B: a dog`, `The answer is B.`; an answer that is one of the options' texts
 * chooses that one.
 *
 * @param options texts of the options, of A, B, C and so on
 * @returns the letter; undefined if the answer chooses none, or a letter that is no option's
 */
export function optionLetter(answer: string, options: readonly string[]): string | undefined {
  const letters = options.map((_, at) => letterOf(at));
  const text = answer.trim();
  const [, first] = /^\(?([A-Z])(?:[).:,]|\s*$)/.exec(text) ?? [];
  // In lower case it may be the article of `The answer is a dog`.
  const [, said] =
    /\b(?:[Aa]nswer is|ANSWER IS):? \(?([A-Z]\b|[a-z](?=[).:,]|\s*$))/.exec(text) ?? [];
  const letter = first ?? said?.toUpperCase();
  if (letter !== undefined) return letters.includes(letter) ? letter : undefined;
  const plain = (option: string) => option.trim().toLowerCase().replace(/\.$/, '');
  const at = options.findIndex((option) => plain(option) === plain(text));
  return at < 0 ? undefined : letterOf(at);
}

/** A of 0, B of 1, and so on. */
export const letterOf = (at: number): string => String.fromCharCode(65 + at);

/** 0 of A, 1 of B, and so on. */
export const placeOf = (letter: string): number => letter.charCodeAt(0) - 65;
