/**
 * A uniform number in [0, 1) for every position, the same on every backend: mulberry32 (Tommy
 * Ettinger, public domain), rounded to float32 so that all readings rank alike.
 *
 * @returns `count` numbers
 */
export function uniformNoise(seed: number, count: number): Float32Array {
  const noise = new Float32Array(count);
  let state = seed >>> 0;
  // A plain loop: whole models are filled with it.
  for (let i = 0; i < count; i++) {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    noise[i] = ((mixed ^ (mixed >>> 14)) >>> 8) / 0x1000000;
  }
  return noise;
}
