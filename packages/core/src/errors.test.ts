import { expect, test } from 'vitest';
import { TransPruneError } from './errors.js';

test('errors carry a code and data, and are told from others', () => {
  const error = new TransPruneError('INVALID_PLAN', 'no', { field: 'stages' });
  expect(error).toMatchObject({ code: 'INVALID_PLAN', message: 'no', data: { field: 'stages' } });
  expect(TransPruneError.isInstance(error)).toBe(true);
  expect(TransPruneError.isInstance(new Error('no'))).toBe(false);
  expect(TransPruneError.isInstance(null)).toBe(false);
});
