import { hostTensor } from '@transprune/session';
import { expect, test } from 'vitest';
import { encodeNpy } from './npy.js';

/** What `numpy.save` writes of the same tensors. */
test.each([
  [
    hostTensor('float32', [1, 2], [1, 2]),
    "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }",
    '0000803f00000040',
  ],
  [
    hostTensor('int64', [3], [1]),
    "{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }",
    '0300000000000000',
  ],
  [
    hostTensor('float16', [1], []),
    "{'descr': '<f2', 'fortran_order': False, 'shape': (), }",
    '003c',
  ],
  [
    hostTensor('bool', [1, 0], [2]),
    "{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }",
    '0100',
  ],
  [
    hostTensor('int32', [], [1, 0]),
    "{'descr': '<i4', 'fortran_order': False, 'shape': (1, 0), }",
    '',
  ],
])('%#: as NumPy writes it', (tensor, header, data) => {
  const bytes = Buffer.from(encodeNpy(tensor));
  expect(bytes.toString('hex', 0, 10)).toBe('934e554d5059010076' + '00');
  expect(bytes.toString('latin1', 10, 128)).toBe(`${header.padEnd(117)}\n`);
  expect(bytes.toString('hex', 128)).toBe(data);
});
