import { describe, expect, test } from 'vitest';
import { smallConfig } from '../../testing/random-decoder.js';
import { type BuildOptions, buildDecoder } from './decoder.js';
import { namedRandomWeights } from './weights.js';

const equalHeads = { ...smallConfig, heads: 2, kvHeads: 2 };

describe('what cannot run is refused', () => {
  test.each([
    [
      { attention: 'multi-head' },
      smallConfig,
      'attention multi-head: expected as many key heads as query heads, got 2 for 6',
    ],
    [
      { attention: 'multi-head', rotary: 'fused' },
      equalHeads,
      'attention multi-head: expected separate rotary embedding, got fused',
    ],
    [
      { attention: 'multi-head', architecture: { softcap: 3 } },
      equalHeads,
      'attention multi-head: expected no soft cap, got softcap = 3',
    ],
    [
      { attention: 'multi-head', architecture: { localWindow: 3 } },
      equalHeads,
      'attention multi-head: expected no local window, got localWindow = 3',
    ],
    [
      {},
      { ...smallConfig, headDim: 24 },
      'attention group-query: expected head_dim to be a multiple of 16 with fused rotary embedding, got 24',
    ],
    [
      { rotary: 'separate' },
      { ...smallConfig, headDim: 12 },
      'attention group-query: expected head_dim to be a multiple of 8 with separate rotary embedding, got 12',
    ],
    [
      {},
      { ...smallConfig, heads: 5 },
      'attention group-query: expected query heads in groups of equal size, got 2 for 5',
    ],
    [
      { rotary: 'separate', headNorms: 'fused' },
      smallConfig,
      'attention group-query: expected rotary embedding inside the node, where norms are, got separate',
    ],
    [
      { attention: 'multi-head', headNorms: 'fused' },
      equalHeads,
      'attention multi-head: expected separate norms of heads, got fused',
    ],
    [{ architecture: { softcap: 0 } }, smallConfig, 'softcap: expected a number above 0, got 0'],
    [
      { architecture: { localWindow: 1.5 } },
      smallConfig,
      'localWindow: expected a whole number above 0, got 1.5',
    ],
    [
      { architecture: { localLayers: 'all' } },
      smallConfig,
      'localLayers: expected localWindow beside it, got none',
    ],
  ] satisfies [BuildOptions, typeof smallConfig, string][])('%j', (options, config, message) => {
    const build = () => buildDecoder(config, namedRandomWeights(1), options);
    expect(build).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT', message }));
  });
});
