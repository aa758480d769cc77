/**
 * Reader of the safetensors format: an 8-byte little-endian header length, a JSON header, the data.
 * Source: https://huggingface.co/docs/safetensors (format section).
 */
import { elementCount, type NDArray, ndarray } from '../algebra/ndarray.js';
import { TransPruneError } from '../errors.js';

/** Named tensors of a checkpoint. */
export interface Checkpoint {
  readonly names: readonly string[];
  /** The tensor in float64. @throws TransPruneError INVALID_MODEL if there is none of that name */
  tensor(name: string): NDArray;
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** The format's own limit on its header; anything larger is not a safetensors file. */
const maximumHeaderBytes = 100_000_000;

/**
 * Opens a safetensors file held in memory; tensors are decoded when they are asked for.
 *
 * @throws TransPruneError INVALID_MODEL if the bytes are not such a file or are cut off
 */
export function readSafetensors(bytes: Uint8Array): Checkpoint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = bytes.length >= 8 ? Number(view.getBigUint64(0, true)) : Number.NaN;
  if (!(headerBytes <= maximumHeaderBytes && 8 + headerBytes <= bytes.length)) {
    throw new TransPruneError(
      'INVALID_MODEL',
      `expected a safetensors file, got ${bytes.length} bytes without a complete header`,
    );
  }
  const header = parseHeader(bytes.subarray(8, 8 + headerBytes));
  const data = bytes.subarray(8 + headerBytes);
  return {
    names: Object.keys(header),
    tensor(name) {
      const entry = header[name];
      if (entry === undefined) {
        throw new TransPruneError('INVALID_MODEL', `the checkpoint holds no tensor ${name}`, {
          name,
        });
      }
      return decode(name, entry, data);
    },
  };
}

function parseHeader(bytes: Uint8Array): Record<string, Entry> {
  try {
    const header = JSON.parse(decodeLatin1(bytes)) as Record<string, Entry>;
    const { __metadata__: _metadata, ...entries } = header;
    return entries;
  } catch (cause) {
    throw new TransPruneError('INVALID_MODEL', 'the safetensors header is not JSON', {}, { cause });
  }
}

/** Tensor names are ASCII in practice; decoded by hand, as no text decoder exists everywhere. */
function decodeLatin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function decode(
  name: string,
  { dtype, shape, data_offsets: [start, end] }: Entry,
  data: Uint8Array,
) {
  const count = elementCount(shape);
  const width = { F32: 4, F16: 2, BF16: 2 }[dtype];
  if (width === undefined) {
    throw new TransPruneError(
      'INVALID_MODEL',
      `expected tensor ${name} as F32, F16 or BF16, got ${dtype}`,
    );
  }
  if (end > data.length || end - start !== count * width) {
    throw new TransPruneError('INVALID_MODEL', `tensor ${name} is cut off in the safetensors file`);
  }
  const view = new DataView(data.buffer, data.byteOffset + start, end - start);
  const read = {
    4: (i: number) => view.getFloat32(4 * i, true),
    2: (i: number) => {
      const bits = view.getUint16(2 * i, true);
      return dtype === 'F16' ? float16(bits) : bfloat16(bits);
    },
  }[width as 2 | 4];
  return ndarray(
    Float64Array.from({ length: count }, (_, i) => read(i)),
    shape,
  );
}

function float16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * 2 ** -14 * (fraction / 1024);
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
}

function bfloat16(bits: number): number {
  const word = new DataView(new ArrayBuffer(4));
  word.setUint32(0, bits << 16);
  return word.getFloat32(0);
}
