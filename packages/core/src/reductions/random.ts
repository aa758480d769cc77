/** A uniform choice before the decoder: the baseline of every other one. */
import { uniformNoise } from '../signals/noise.js';
import { defineReduction } from './method.js';
import { largest } from './order.js';

export const randomReduction = defineReduction({
  name: 'random',
  summary: 'a seeded uniform choice',
  source: 'baseline',
  needs: [],
  measures: () => [],
  groups: (_, { tokens, kept, seed }) =>
    largest(uniformNoise(seed, tokens), kept).map((token) => [token]),
});
