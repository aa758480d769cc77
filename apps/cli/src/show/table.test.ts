import { describe, expect, test } from 'vitest';
import { draw, table } from './table.js';
import { wrap } from './wrap.js';

const grid = table(
  ['', 'unpruned', 'pruned', 'change'],
  [
    ['time to first token', '1.23 s', '0.87 s', '-29.3 %'],
    ['  prefill', '1.10 s', '0.70 s', '-36.4 %'],
  ],
);

describe('tables', () => {
  test('take what they need where there is room', () => {
    expect(draw(['before', grid, 'after'])).toBe(
      [
        'before',
        '┌─────────────────────┬──────────┬────────┬─────────┐',
        '│                     │ unpruned │ pruned │  change │',
        '├─────────────────────┼──────────┼────────┼─────────┤',
        '│ time to first token │   1.23 s │ 0.87 s │ -29.3 % │',
        '│   prefill           │   1.10 s │ 0.70 s │ -36.4 % │',
        '└─────────────────────┴──────────┴────────┴─────────┘',
        'after',
      ].join('\n'),
    );
    expect(draw([grid], 53)).toBe(draw([grid]));
  });

  test('take from the widest column first where there is none', () => {
    expect(draw([grid], 44)).toBe(
      [
        '┌───────────┬──────────┬────────┬─────────┐',
        '│           │ unpruned │ pruned │  change │',
        '├───────────┼──────────┼────────┼─────────┤',
        '│ time to   │   1.23 s │ 0.87 s │ -29.3 % │',
        '│ first     │          │        │         │',
        '│ token     │          │        │         │',
        '│   prefill │   1.10 s │ 0.70 s │ -36.4 % │',
        '└───────────┴──────────┴────────┴─────────┘',
      ].join('\n'),
    );
  });

  test.each([30, 40, 50])('fit %d columns', (columns) => {
    for (const line of draw([grid], columns).split('\n'))
      expect(line.length).toBeLessThanOrEqual(columns);
  });
});

test('lines are broken between words, and long words anywhere', () => {
  expect(wrap('a red heart', 20)).toEqual(['a red heart']);
  expect(wrap('a red heart', 5)).toEqual(['a red', 'heart']);
  expect(wrap('heartfelt', 5)).toEqual(['heart', 'felt']);
  expect(wrap('one\ntwo three', 5)).toEqual(['one', 'two', 'three']);
});
