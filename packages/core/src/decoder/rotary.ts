import type { DecoderConfig } from './config.js';

/**
 * Angles of the rotary embedding for positions `0..positions-1`, row-major
 * `[positions, head_dim / 2]`: `position * theta^(-2i / head_dim)`.
 */
export function rotaryAngles(
  { headDim, ropeTheta }: Pick<DecoderConfig, 'headDim' | 'ropeTheta'>,
  positions: number,
): Float64Array {
  const half = headDim / 2;
  return Float64Array.from({ length: positions * half }, (_, at) => {
    const position = Math.floor(at / half);
    const frequency = ropeTheta ** (-(at % half) / half);
    return position * frequency;
  });
}
