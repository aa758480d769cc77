import { type NDArray, ndarray } from '../algebra/ndarray.js';
import type { RotaryTable } from '../signals/instruction-attention.js';
import type { DecoderConfig } from './config.js';

type RotaryConfig = Pick<DecoderConfig, 'headDim' | 'ropeTheta'>;

/**
 * Angles of the rotary embedding for positions `0..positions-1`, row-major
 * `[positions, head_dim / 2]`: `position * theta^(-2i / head_dim)`.
 */
export function rotaryAngles(config: RotaryConfig, positions: number): Float64Array {
  return anglesAt(
    config,
    Array.from({ length: positions }, (_, position) => position),
  );
}

/** Cosine and sine of the angles at these positions, each `[positions, head_dim / 2]`. */
export function rotaryTable(
  config: RotaryConfig,
  positions: readonly number[],
): RotaryTable<NDArray> {
  const angles = anglesAt(config, positions);
  const shape = [positions.length, config.headDim / 2];
  return {
    cos: ndarray(angles.map(Math.cos), shape),
    sin: ndarray(angles.map(Math.sin), shape),
  };
}

function anglesAt(
  { headDim, ropeTheta }: RotaryConfig,
  positions: readonly number[],
): Float64Array {
  const half = headDim / 2;
  return Float64Array.from({ length: positions.length * half }, (_, at) => {
    const position = positions[Math.floor(at / half)] ?? 0;
    const frequency = ropeTheta ** (-(at % half) / half);
    return position * frequency;
  });
}
