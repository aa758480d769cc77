/** The letter of the option that an answer chooses. */

/** How LLaVA's scripts ask for it. */
export const letterInstruction = "Answer with the option's letter from the given choices directly.";

/**
 * Reads `B`, `B.`, `B. a dog` and, said once, `The answer is B.`, as LLaVA's scorer of ScienceQA does; also `B) a dog`,
 * `(B)` and `B: a dog` if no other option's letter stands there, as VLMEvalKit does; an answer that is one of the
 * options' texts chooses that one. A small letter is read behind `answer is` alone, before a point or at the end.
 *
 * @param options texts of the options, of A, B, C and so on
 * @returns the letter; undefined if the answer chooses none, or a letter that is no option's
 * @see https://github.com/haotian-liu/LLaVA/blob/main/llava/eval/eval_science_qa.py
 * @see https://github.com/open-compass/VLMEvalKit/blob/main/vlmeval/utils/matching_util.py
 */
export function optionLetter(answer: string, options: readonly string[]): string | undefined {
  const letters = options.map((_, at) => letterOf(at));
  const text = answer.trim();
  const letter = atStart(text) ?? saidOnce(text) ?? marked(text, letters);
  if (letter !== undefined) return letters.includes(letter) ? letter : undefined;
  const plain = (option: string) => option.trim().toLowerCase().replace(/\.$/, '');
  const at = options.findIndex((option) => plain(option) === plain(text));
  return at < 0 ? undefined : letterOf(at);
}

/** `B`, `B.`, `B. a dog`. */
const atStart = (text: string) => /^([A-Z])(?:\.?$|\.\s)/.exec(text)?.[1];

/** `The answer is B.`: said twice, it is none. What LLaVA's scorer looks for comes before what is like it. */
function saidOnce(text: string): string | undefined {
  const only = (pattern: RegExp) => {
    const [first, ...more] = text.matchAll(pattern);
    return more.length === 0 ? first?.[1]?.toUpperCase() : undefined;
  };
  // In lower case it may be the article of `The answer is a dog`.
  const like = /\b(?:[Aa]nswer is|ANSWER IS):? \(?([A-Z]\b|[a-z](?=[).:,]|$))/g;
  return only(/The answer is ([A-Z])\b/g) ?? only(like);
}

/** `(B)`, `B) a dog`, `B: a dog`; not `A, B and C`, nor `B.C.`. */
function marked(text: string, letters: readonly string[]): string | undefined {
  const [, letter] = /^\(?([A-Z])(?:[):,]|\.(?![A-Z]\b))/.exec(text) ?? [];
  const standing = text.match(/\b[A-Z]\b/g) ?? [];
  const hasAnother = standing.some((other) => other !== letter && letters.includes(other));
  return hasAnother ? undefined : letter;
}

/** A of 0, B of 1, and so on. */
export const letterOf = (at: number): string => String.fromCharCode(65 + at);

/** 0 of A, 1 of B, and so on. */
export const placeOf = (letter: string): number => letter.charCodeAt(0) - 65;
