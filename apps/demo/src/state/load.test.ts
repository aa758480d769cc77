import { expect, test } from 'vitest';
import { progressWords, reasonOf } from './load.js';

test.each([
  'Array buffer allocation failed',
  'WebAssembly.Memory(): could not allocate memory',
  'Out of memory',
  'std::bad_alloc',
  'Aborted(OOM)',
  'Invalid array length',
  'Failed to allocate memory for requested buffer of size 1073741824',
])('%s is told as too little memory', (message) => {
  expect(reasonOf(new RangeError(message))).toBe(
    `this browser has not enough memory for it (${message})`,
  );
});

test.each([
  'expected the file config.json beside this page, got no connection; check the network',
  'the worker ended: its code could not be fetched, or there was too little memory',
])('%s is told as it is', (message) => expect(reasonOf(new Error(message))).toBe(message));

test('progress is told in bytes until all is here', () => {
  const at = (bytes: number) => progressWords({ doing: 'fetching', bytes, allBytes: 4e6 });
  expect(at(1.5e6)).toBe('fetching, 1.5\u00a0MB of 4.0\u00a0MB');
  expect(at(4e6)).toBe('fetching');
});
