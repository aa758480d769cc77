import { expect, test } from 'vitest';
import { askingRows, seesKey } from './asking.js';

/** i: image, t: text, m: marked text. */
const asking = (tokens: string) =>
  askingRows({
    count: tokens.length,
    isImage: (index) => tokens[index] === 'i',
    isMarked: (index) => tokens[index] === 'm',
  });

test.each([
  ['tiiitt', [4, 5]],
  ['tiitiit', [6]],
  ['tiii', [3]],
  ['ttt', [0, 1, 2]],
  ['mtiimt', [0, 4]],
  ['mtii', [0]],
  ['i', [0]],
  ['', []],
])('of %s the tokens %j ask', (tokens, rows) => {
  expect(asking(tokens)).toEqual(rows);
});

test('where the last token asks, it asks alone', () => {
  const of = (count: number) =>
    askingRows({ count, isImage: () => false, isMarked: (index) => index === 0 }, 'last-token');
  expect([of(0), of(1), of(4)]).toEqual([[], [0], [3]]);
});

test('a row sees the cache, itself and what comes before it', () => {
  const seen = [0, 1, 2, 3, 4, 5].map((key) => seesKey(1, key, 3));
  expect(seen).toEqual([true, true, true, true, true, false]);
});
