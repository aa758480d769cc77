import { TransPruneError } from '@transprune/core';

/**
 * Checks a count.
 *
 * @throws TransPruneError INVALID_ARGUMENT that names the argument, what is allowed and what came
 */
export function requireCount(name: string, value: number, most = Number.MAX_SAFE_INTEGER): void {
  if (Number.isInteger(value) && value >= 0 && value <= most) return;
  const range = most === Number.MAX_SAFE_INTEGER ? 'of at least 0' : `from 0 to ${most}`;
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    `${name} must be a whole number ${range}, got ${value}`,
    { field: name, got: value },
  );
}
