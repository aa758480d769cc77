import { TransPruneError } from '@transprune/core';

/** The fields of a JSON object. */
export type Fields = Readonly<Record<string, unknown>>;

/**
 * A JSON object's fields.
 *
 * @throws TransPruneError INVALID_MODEL if it is no object
 */
export function fieldsOf(value: unknown, name: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TransPruneError(
      'INVALID_MODEL',
      `expected ${name} to be a JSON object, got ${JSON.stringify(value) ?? 'nothing'}`,
      { field: name },
    );
  }
  return value as Fields;
}

/**
 * A size, or the default of its configuration class where the file leaves it out.
 *
 * @param remedy after the message, if the field is missing
 * @throws TransPruneError INVALID_MODEL if it is no whole number above 0
 */
export function sizeOf(fields: Fields, name: string, fallback?: number, remedy = ''): number {
  const value = fields[name] ?? fallback;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1) {
    const missing = value === undefined || value === null;
    throw new TransPruneError(
      'INVALID_MODEL',
      `expected ${name} in config.json to be a whole number above 0, got ${JSON.stringify(value) ?? 'nothing'}${missing ? remedy : ''}`,
      { field: name },
    );
  }
  return value;
}

/** A number in a field, or null where there is none. */
export function numberIn(fields: Fields, name: string): number | null {
  const value = fields[name];
  return typeof value === 'number' ? value : null;
}
