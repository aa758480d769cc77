import { TransPruneError } from '@transprune/core';
import { type AnswerOptions, defaultMaxNewTokens, type Sampling } from './request.js';

/**
 * Checks what can be checked before anything is run.
 *
 * @throws TransPruneError INVALID_ARGUMENT that names the field
 */
export function checkOptions({
  maxNewTokens = defaultMaxNewTokens,
  sampling = {},
  stop = [],
}: AnswerOptions): void {
  wholeNumber('maxNewTokens', maxNewTokens, 1);
  checkSampling(sampling);
  if (!Array.isArray(stop) || stop.some((text) => typeof text !== 'string' || text === '')) {
    throw invalid('stop', 'a list of texts that are not empty', stop);
  }
}

function checkSampling({ temperature, topK, topP, seed }: Sampling): void {
  if (temperature !== undefined && !(temperature >= 0 && Number.isFinite(temperature))) {
    throw invalid('sampling.temperature', 'a number from 0', temperature);
  }
  if (topK !== undefined) wholeNumber('sampling.topK', topK, 1);
  if (topP !== undefined && !(topP > 0 && topP <= 1)) {
    throw invalid('sampling.topP', 'a number above 0 and at most 1', topP);
  }
  if (seed !== undefined) wholeNumber('sampling.seed', seed);
}

/**
 * Checks a number.
 *
 * @throws TransPruneError INVALID_ARGUMENT that names the field
 */
export function wholeNumber(field: string, value: number, least = Number.MIN_SAFE_INTEGER): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  const from = least === Number.MIN_SAFE_INTEGER ? '' : ` from ${least}`;
  throw invalid(field, `a whole number${from}`, value);
}

function invalid(field: string, expected: string, got: unknown): TransPruneError {
  return new TransPruneError(
    'INVALID_ARGUMENT',
    `${field} must be ${expected}, got ${typeof got === 'number' ? got : JSON.stringify(got)}`,
    { field, got },
  );
}
