import { describe, expect, it } from 'vitest';
import { tokensPerLayer } from './tokens.js';

describe('tokensPerLayer', () => {
  it('prunes after the layer, not in it', () => {
    const stages = [
      { afterLayer: 2, keepRatio: 0.5 },
      { afterLayer: 4, keepRatio: 0.25 },
    ];
    expect(tokensPerLayer({ stages }, 6, 100)).toEqual([100, 100, 50, 50, 25, 25]);
  });

  it('rounds the share of the original tokens down', () => {
    const stages = [
      { afterLayer: 1, keepRatio: 0.625 },
      { afterLayer: 2, keepRatio: 0.1875 },
    ];
    expect(tokensPerLayer({ stages }, 3, 577)).toEqual([577, 360, 108]);
  });

  it('leaves every layer alone without stages', () => {
    expect(tokensPerLayer({ stages: [] }, 3, 7)).toEqual([7, 7, 7]);
  });
});
