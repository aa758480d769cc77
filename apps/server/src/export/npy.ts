/** Tensors as NumPy's files: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, version 1.0. */
import type { ElementType, HostTensor } from '@transprune/session';

const descriptions: Readonly<Record<ElementType, string>> = {
  float32: '<f4',
  float16: '<f2',
  int64: '<i8',
  int32: '<i4',
  bool: '|b1',
};

const magic = [0x93, ...Buffer.from('NUMPY', 'latin1'), 1, 0];

/** Magic, version and header come to a multiple of this. */
const alignment = 64;

/** A tensor as the bytes of a `.npy` file. */
export function encodeNpy({ type, dims, data }: HostTensor): Uint8Array {
  const shape = dims.length === 1 ? `${dims[0]},` : dims.join(', ');
  const header = `{'descr': '${descriptions[type]}', 'fortran_order': False, 'shape': (${shape}), }`;
  const start = magic.length + 2;
  const length = Math.ceil((start + header.length + 1) / alignment) * alignment - start;
  const bytes = Buffer.alloc(start + length + data.byteLength);
  bytes.set(magic);
  bytes.writeUInt16LE(length, magic.length);
  bytes.write(`${header.padEnd(length - 1)}\n`, start, 'latin1');
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), start + length);
  return bytes;
}
