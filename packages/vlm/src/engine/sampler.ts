import { anySeed, seededRandom } from './random.js';
import type { Sampling } from './request.js';

/** Chooses a token from the logits of all. */
export type Sampler = (logits: Float32Array) => number;

/** One request's sampler, with its own random numbers. */
export function createSampler({ temperature = 0, topK, topP, seed }: Sampling = {}): Sampler {
  if (temperature <= 0) return likeliest;
  const random = seededRandom(seed ?? anySeed());
  return (logits) => {
    const candidates = byLikelihood(logits, temperature, topK);
    const weights = softmax(candidates, logits, temperature);
    const kept = topP === undefined ? weights.length : nucleus(weights, topP);
    return draw(candidates, weights.subarray(0, kept), random());
  };
}

/** The token with the highest logit; the first of several. */
function likeliest(logits: Float32Array): number {
  let best = 0;
  for (let id = 1; id < logits.length; id++) {
    if ((logits[id] ?? 0) > (logits[best] ?? 0)) best = id;
  }
  return best;
}

/**
 * Tokens less likely than the likeliest by this many times the temperature, in logits, are never drawn: all of
 * a vocabulary together would come up once in ten million draws.
 */
const negligible = 30;

/** Tokens that can be drawn, the likeliest first. */
function byLikelihood(
  logits: Float32Array,
  temperature: number,
  limit = logits.length,
): Uint32Array {
  const least = (logits[likeliest(logits)] ?? 0) - negligible * temperature;
  const ids: number[] = [];
  logits.forEach((logit, id) => {
    if (logit >= least) ids.push(id);
  });
  const count = Math.max(1, limit);
  // Sorting numbers alone is fast: what cannot be among the first is left out before the order of ids is made.
  const sorted = ids.length > count ? Float32Array.from(ids, (id) => logits[id] ?? 0).sort() : [];
  const floor = sorted[ids.length - count] ?? Number.NEGATIVE_INFINITY;
  const likely = ids.filter((id) => (logits[id] ?? 0) >= floor);
  likely.sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b);
  return Uint32Array.from(likely.slice(0, count));
}

/** Weights of tokens in falling order; they are not scaled to the sum of 1. */
function softmax(ids: Uint32Array, logits: Float32Array, temperature: number): Float64Array {
  const highest = logits[ids[0] ?? 0] ?? 0;
  return Float64Array.from(ids, (id) => Math.exp(((logits[id] ?? 0) - highest) / temperature));
}

/** How many of the first reach a share of the sum. */
function nucleus(weights: Float64Array, share: number): number {
  const wanted = share * weights.reduce((sum, weight) => sum + weight, 0);
  let reached = 0;
  for (const [at, weight] of weights.entries()) {
    reached += weight;
    if (reached >= wanted) return at + 1;
  }
  return weights.length;
}

function draw(ids: Uint32Array, weights: Float64Array, random: number): number {
  let left = random * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [at, weight] of weights.entries()) {
    left -= weight;
    if (left < 0) return ids[at] ?? 0;
  }
  return ids[weights.length - 1] ?? 0;
}
