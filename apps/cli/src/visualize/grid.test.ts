import { expect, test } from 'vitest';
import { gridOf } from './grid.js';

const square = { width: 300, height: 300 };
const wide = { width: 600, height: 400 };
const whole = { kind: 'whole', patchesPerToken: 4 } as const;
const tiles = { kind: 'tiles', patches: 576, tokens: 144 } as const;

test.each([
  ['one tile is a square, whatever the picture', 144, wide, tiles, [12, 12]],
  ['so are tokens of a model that is not known', 144, wide, undefined, [12, 12]],
  ['a whole picture has the shape of its own', 96, wide, whole, [12, 8]],
  ['a square one too', 64, square, whole, [8, 8]],
  ['one whose sides are rounded', 77, wide, whole, [11, 7]],
] as const)('%s', (_, imageTokens, picture, layout, [columns, rows]) => {
  expect(gridOf(imageTokens, picture, layout)).toEqual({ columns, rows });
});

test.each([
  ['tiles', 288, wide, tiles, /288 in tiles of 144/],
  ['a number without a grid', 97, wide, whole, /97 for 600 x 400 pixels, which fit no grid/],
] as const)('%s: refused', (_, imageTokens, picture, layout, message) => {
  expect(() => gridOf(imageTokens, picture, layout)).toThrow(message);
});
