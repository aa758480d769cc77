/** A source of numbers that are spread evenly over [0, 1). */
export type Random = () => number;

/**
 * A small generator of 32 bits of state (splitmix32): the same seed gives the same numbers everywhere.
 *
 * @param seed a whole number; its lowest 32 bits count
 */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    mixed ^= mixed >>> 15;
    return (mixed >>> 0) / 2 ** 32;
  };
}

/** A seed that nobody chose. */
export function anySeed(): number {
  return crypto.getRandomValues(new Int32Array(1))[0] ?? 0;
}
