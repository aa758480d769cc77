import { describe, expect, test } from 'vitest';
import { readSafetensors } from './safetensors.js';

/** A safetensors file with one tensor. */
function file(dtype: string, shape: number[], bytes: Uint8Array): Uint8Array {
  const entry = { dtype, shape, data_offsets: [0, bytes.length] };
  const header = new TextEncoder().encode(
    JSON.stringify({ __metadata__: { format: 'pt' }, x: entry }),
  );
  const result = new Uint8Array(8 + header.length + bytes.length);
  new DataView(result.buffer).setBigUint64(0, BigInt(header.length), true);
  result.set(header, 8);
  result.set(bytes, 8 + header.length);
  return result;
}

describe('element types', () => {
  test.each([
    ['F32', [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0], [1, -2]],
    ['F16', [0x00, 0x3c, 0x01, 0x00], [1, 2 ** -24]],
    ['F16', [0x00, 0xc0, 0x00, 0x7c], [-2, Number.POSITIVE_INFINITY]],
    ['BF16', [0x80, 0x3f, 0x00, 0xc0], [1, -2]],
  ])('%s', (dtype, bytes, expected) => {
    const checkpoint = readSafetensors(file(dtype, [2], Uint8Array.from(bytes)));
    expect(checkpoint.names).toEqual(['x']);
    expect([...checkpoint.tensor('x').data]).toEqual(expected);
  });
});

test.each([
  ['empty', new Uint8Array(0), /safetensors file, got 0 bytes/],
  ['text', new TextEncoder().encode('<!doctype html><html>'), /complete header/],
  ['header that is not JSON', Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 65, 66), /not JSON/],
])('%s is refused', (_, bytes, message) => {
  expect(() => readSafetensors(bytes)).toThrow(message);
});

test('a tensor that is cut off, missing or of another type is refused', () => {
  const whole = file('F32', [2], new Uint8Array(8));
  expect(() => readSafetensors(whole.slice(0, -1)).tensor('x')).toThrow(/cut off/);
  expect(() => readSafetensors(whole).tensor('y')).toThrow(/no tensor y/);
  expect(() => readSafetensors(file('I64', [1], new Uint8Array(8))).tensor('x')).toThrow(/got I64/);
});
