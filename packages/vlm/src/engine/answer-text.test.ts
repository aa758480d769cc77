import { describe, expect, test } from 'vitest';
import { AnswerText } from './answer-text.js';

/** One token a byte, as byte-level tokenizers have it. */
const bytes = (text: string) => [...new TextEncoder().encode(text)];
const decode = (ids: readonly number[]) => new TextDecoder().decode(Uint8Array.from(ids));

/** What each token shows; ends where a stop text does. */
function shown(text: string, stops: readonly string[] = []): string[] {
  const answer = new AnswerText(decode, stops);
  const parts: string[] = [];
  for (const id of bytes(text)) {
    const { text: added, stopped } = answer.add(id);
    parts.push(added);
    if (stopped) return [...parts, '|'];
  }
  parts.push(answer.flush());
  expect(answer.text).toBe(parts.join(''));
  return parts;
}

test('letters appear when their bytes are complete', () => {
  expect(shown('aé!')).toEqual(['a', '', 'é', '!', '']);
  expect(shown('grün')).toEqual(['g', 'r', '', 'ü', 'n', '']);
});

test('bytes that never become a letter are shown at the end', () => {
  const answer = new AnswerText(decode);
  expect(answer.add(0xe2).text).toBe('');
  expect(answer.flush()).toBe('\ufffd');
});

test('spaces that depend on the token before come right', () => {
  const words = ['▁the', '▁cat', 's'];
  const join = (ids: readonly number[]) =>
    ids
      .map((id) => words[id])
      .join('')
      .replaceAll('▁', ' ')
      .trimStart();
  const answer = new AnswerText(join);
  expect([0, 1, 2].map((id) => answer.add(id).text)).toEqual(['the', ' cat', 's']);
});

describe('a stop text', () => {
  test('ends the text before it', () => {
    expect(shown('one. two', ['.'])).toEqual(['o', 'n', 'e', '', '|']);
    expect(shown('a END b', ['END', 'b'])).toEqual(['a', ' ', '', '', '', '|']);
  });

  test('is held back while it may be beginning', () => {
    expect(shown('abcd', ['abx'])).toEqual(['', '', 'abc', 'd', '']);
    expect(shown('aab', ['ab'])).toEqual(['', 'a', '', '|']);
    expect(shown('ab', ['abc'])).toEqual(['', '', 'ab']);
  });
});
