import type { GenerateResult } from '@transprune/vlm';
import { expect, test } from 'vitest';
import type { AnswerReport } from '../run/answer.js';
import { noiseNotes, showComparison, showTurn } from './run.js';

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

/** An answer whose prefill took so long in each round, and the rest of the first token. */
function answered(prefillMs: number, prefill: readonly [number, number], rest = 0): AnswerReport {
  const first = [prefill[0] + rest, prefill[1] + rest] as const;
  return {
    ...{ answer: 'a', finishReason: 'stop', tokens: 1, imageTokensPerLayer: [9] },
    ...{ keptImageTokens: [], timeToFirstTokenMs: prefillMs + rest, prefillMs, tokensPerSecond: 1 },
    spread: { timeToFirstTokenMs: first, prefillMs: prefill, tokensPerSecond: [1, 1] },
    ...{ kvCacheBytes: 1, kvLengths: [9], kvCacheBytesAtEnd: 1, publishedFlops: 1, fullFlops: 1 },
  };
}

test('times are shown with the range of their rounds', () => {
  const table = showComparison(answered(210, [90, 400]), answered(45, [40, 80]));
  const row = ['    min to max', '90.0 ms to 400 ms', '40.0 ms to 80.0 ms', ''];
  expect(table.rows).toContainEqual(row);
  // Of one round there is none.
  const once = showComparison(answered(210, [210, 210]), answered(45, [45, 45]));
  expect(JSON.stringify(once)).not.toContain('min to max');
});

test('that times overlap is said', () => {
  const unpruned = answered(210, [90, 400]);
  expect(noiseNotes(unpruned, answered(45, [40, 80]))).toEqual([]);
  expect(noiseNotes(answered(45, [40, 80]), unpruned)).toEqual([]);
  expect(noiseNotes(unpruned, answered(80, [40, 95]))).toEqual([
    expect.stringMatching(/ times to first token and of the prefills overlap: these rounds hardly/),
  ]);
  expect(noiseNotes(unpruned, answered(45, [40, 80], 20))).toEqual([
    expect.stringMatching(/ranges of the times to first token overlap/),
  ]);
});
