/** float16 as bits, which Node 20 has no array type for, and as numbers. */

const smallestNormal = 2 ** -14;
const smallestSubnormal = 2 ** -24;
/** From here on numbers round to infinity: half a step above 65504. */
const infinite = 65520;

/** The same two as float32 has them in bits. */
const smallestNormalBits = 0x3880_0000;
const infiniteBits = 0x477f_f000;

/** Bits of the nearest float16, ties to even. */
export function float16Bits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (size >= infinite) return sign | 0x7c00;
  // A subnormal that rounds up to 1024 steps carries into the exponent, as it should.
  if (size < smallestNormal) return sign | roundToEven(size / smallestSubnormal);
  let exponent = Math.floor(Math.log2(size));
  // The logarithm of a number next to a power of two may round to it.
  if (2 ** exponent > size) exponent--;
  if (2 ** (exponent + 1) <= size) exponent++;
  return sign | (((exponent + 15) << 10) + roundToEven((size / 2 ** exponent - 1) * 1024));
}

/** Bits of the nearest float16 of each number, as `float16Bits` has them; those of float32 fast: whole models are made so. */
export function float16Array(values: ArrayLike<number>): Uint16Array {
  const halves = new Uint16Array(values.length);
  const bits =
    values instanceof Float32Array &&
    new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < halves.length; i++) {
    const word = bits ? (bits[i] ?? 0) : 0;
    const size = word & 0x7fff_ffff;
    if (size < smallestNormalBits || size >= infiniteBits) {
      halves[i] = float16Bits(values[i] ?? 0);
      continue;
    }
    // The exponent's bias goes from 127 to 15; what is cut off rounds to the nearest, ties to even.
    const shifted = size - 0x3800_0000;
    halves[i] = ((word >>> 16) & 0x8000) | ((shifted + 0xfff + ((shifted >>> 13) & 1)) >>> 13);
  }
  return halves;
}

function roundToEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}

/** The number that bits stand for. */
export function float16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = (bits & 0x3ff) / 1024;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -14 : sign * (1 + fraction) * 2 ** (exponent - 15);
}
