/** Bodies with much structure are told apart without being parsed. */
import { expect, test } from 'vitest';
import { hasMoreMarks, mostMarks } from './structure.js';

const bytes = (text: string) => new TextEncoder().encode(text);

test.each([
  ['{}', 1],
  ['[[[[]]]]', 4],
  ['[0,0,0,0]', 4],
  ['{"a":0,"b":[1,{"c":2}]}', 5],
  ['{"text":"1,2,3"}', 3],
  ['"data:image/png;base64,AAAA"', 1],
])('%s has %i', (json, marks) => {
  expect(hasMoreMarks(bytes(json), marks)).toBe(false);
  expect(hasMoreMarks(bytes(json), marks - 1)).toBe(true);
});

test('a text of marks alone that is as long as texts may be is not too much', () => {
  const most = mostMarks({ textCharacters: 1000 });
  const json = JSON.stringify({ messages: [{ role: 'user', content: ','.repeat(1000) }] });
  expect(hasMoreMarks(bytes(json), most)).toBe(false);
});
