import { expect, test } from 'vitest';
import { optionLetter } from './option-letter.js';
import { agreement, normalizeAnswer, vqaAgreement } from './vqa-answer.js';
import { yesNoAtStart, yesUnlessNo } from './yes-no.js';

const options = ['a cat', 'a dog', 'two dogs.'];

test.each([
  ['B', 'B'],
  ['B.', 'B'],
  ['B. a dog', 'B'],
  ['(C)', 'C'],
  ['C) two dogs', 'C'],
  ['The answer is B.', 'B'],
  ['the answer is: (A)', 'A'],
  ['The answer is (c).', 'C'],
  ['The answer is a dog', undefined],
  ['The answer is a dog.', undefined],
  ['The answer is Both.', undefined],
  // Not as a person would, but as both official scorers do.
  ['The answer is A dog.', 'A'],
  ['The answer is A. The answer is B.', undefined],
  ['The answer is A, so the answer is B.', 'A'],
  ['(A) is no dog. The answer is B.', 'B'],
  ['B. The answer is A.', 'B'],
  ['B.a dog', 'B'],
  ['B, a dog', 'B'],
  ['B: a dog', 'B'],
  ['A, B and C', undefined],
  ['(A) or (B)', undefined],
  ['A) a cat B) a dog', undefined],
  ['B.C.', undefined],
  ['a', undefined],
  ['a.', undefined],
  ['A dog', 'B'],
  ['Two dogs', 'C'],
  [' a cat. ', 'A'],
  ['D', undefined],
  ['E. a horse', undefined],
  ['Both of them', undefined],
  ['', undefined],
])('%j chooses %s', (answer, letter) => {
  expect(optionLetter(answer, options)).toBe(letter);
});

test.each([
  ['Yes', 'yes'],
  ['yes, it is', 'yes'],
  ['No.', 'no'],
  ['  no', 'no'],
  ['Not', 'no'],
  ['Well, yes', undefined],
  ['', undefined],
])('at its start %j says %s', (answer, said) => {
  expect(yesNoAtStart(answer)).toBe(said);
});

test.each([
  ['Yes, there is.', 'yes'],
  ['No, there is none.', 'no'],
  ['There is not, as far as I see. Yes.', 'no'],
  ['Yes. But not a red one.', 'yes'],
  ['A dog', 'yes'],
  ['NO', 'yes'], // the rule knows three spellings
])('%j means %s', (answer, said) => {
  expect(yesUnlessNo(answer)).toBe(said);
});

test.each([
  ['The Dog', 'dog'],
  ['two dogs', '2 dogs'],
  ['none', '0'],
  ['1,000', '1000'],
  ['3.5', '3.5'],
  ['dr. pepper.', 'dr pepper'],
  ['dont', "don't"],
  ["couldnt've", "couldn't've"],
  ["'ows'at", "'ow's'at"],
  ["somebody'd", 'somebodyd'],
  ['black-and-white', 'black and white'],
  ['left - right', 'left right'],
  ['"stop"', 'stop'],
  ["the dog's", "dog 's"],
  ['what?', 'what'],
  ['a\nb\tc', 'b c'],
  ['the Constructor', 'constructor'],
])('%j is compared as %j', (answer, form) => {
  expect(normalizeAnswer(answer)).toBe(form);
});

test('agreement is the mean, over people, of how many of the others say so, three being all', () => {
  const people = (same: number) => [
    ...Array.from({ length: same }, () => 'Red.'),
    ...Array.from({ length: 10 - same }, (_, at) => `other ${at}`),
  ];
  expect(agreement('red', people(0))).toBe(0);
  // One of ten: the nine others have it once among the rest.
  expect(agreement('red', people(1))).toBeCloseTo((9 * (1 / 3)) / 10);
  // Three: these have it twice among the rest, the seven others three times.
  expect(agreement('the red', people(3))).toBeCloseTo((3 * (2 / 3) + 7) / 10);
  expect(agreement('red', people(4))).toBeCloseTo(1);
});

test.each([
  // All said the same: letter by letter, once the answer is in the form that it is handed over in.
  ['Yes.', ['yes'], 1],
  ['1', ['one'], 0],
  ["men's", ["men's"], 0],
  // Else both are put into a form, which leaves the genitive in its word, and takes thousands together.
  ['one', ['one', '1'], 1],
  ["men's", ["men's", "men 's"], 1],
  ['1,000-2', ['1,000-2', '1000 2'], 1],
])("as VQA's evaluation has it %j agrees with %j to %d", (answer, said, share) => {
  const given = Array.from({ length: 10 }, (_, at) => said[at % said.length] ?? '');
  expect(vqaAgreement(answer, given)).toBeCloseTo(share);
});
