import type { GenerateResult } from '@transprune/vlm';
import { expect, test } from 'vitest';
import { showTurn } from './run.js';

const answerOf = (tokens: number) =>
  ({
    tokenIds: new Array<number>(tokens).fill(1),
    usage: { imageTokens: 0, keptImageTokens: [] },
    timings: { timeToFirstTokenMs: 12, decodeTokensPerSecond: 34.56 },
  }) as unknown as GenerateResult;

test('a rate is shown of answers that are long enough for one', () => {
  expect(showTurn(answerOf(7))).toBe('first token after 12.0 ms');
  expect(showTurn(answerOf(8))).toBe('first token after 12.0 ms; 34.6 tokens/s');
});
