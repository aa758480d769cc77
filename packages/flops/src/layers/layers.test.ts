import { describe, expect, it } from 'vitest';
import type { Attention } from './attention.js';
import type { DeltaRule } from './delta-rule.js';
import { type Ffn, ffnKind, type Mixer, mixerKind } from './index.js';
import { type LayerLoad, pairsOf } from './kind.js';
import type { LatentAttention } from './latent-attention.js';

const hidden = 6;
const keepAll = { windowedCache: false };
const keepWindow = { windowedCache: true };

const weights = (mixer: Mixer) => mixerKind(mixer).weights(mixer, hidden);
const scored = (mixer: Mixer) => mixerKind(mixer).queryKeyValue(mixer, hidden);
const mixing = (mixer: Mixer, load: LayerLoad) => mixerKind(mixer).mixing(mixer, load);
const cache = (mixer: Mixer, length: number, policy = keepAll) =>
  mixerKind(mixer).cache(mixer, length, policy);
const ffnWeights = (ffn: Ffn) => ffnKind(ffn).weights(ffn, hidden);

/** 3 query heads of 2 that share one key head. */
const attention: Attention = {
  kind: 'attention',
  heads: 3,
  kvHeads: 1,
  headDim: 2,
  window: null,
  lender: null,
  keysAreValues: false,
  outputGate: false,
};

describe('pairs of tokens and keys', () => {
  it('are the square, or as wide as the window', () => {
    expect(pairsOf({ tokens: 5, keys: 5 }, null)).toBe(25);
    expect(pairsOf({ tokens: 5, keys: 5 }, 3)).toBe(15);
    expect(pairsOf({ tokens: 5, keys: 5 }, 9)).toBe(25);
  });

  it('of tokens that come one by one rise until the window is full', () => {
    // 4, 5, 6 and 7 keys
    const load = { tokens: 4, keys: 5.5, oneByOne: true };
    expect(pairsOf(load, null)).toBe(4 + 5 + 6 + 7);
    expect(pairsOf(load, 5)).toBe(4 + 5 + 5 + 5);
    expect(pairsOf(load, 2)).toBe(2 + 2 + 2 + 2);
    expect(pairsOf(load, 7)).toBe(22);
    expect(pairsOf({ tokens: 0, keys: 4.5, oneByOne: true }, 2)).toBe(0);
  });
});

describe('attention', () => {
  it('has q 6x6, k 6x2, v 6x2, o 6x6', () => {
    expect(weights(attention)).toBe(36 + 12 + 12 + 36);
    expect(scored(attention)).toBe(36 + 12 + 12);
    expect(mixing(attention, { tokens: 4, keys: 4 })).toBe(2 * 16 * 6);
    expect(cache(attention, 5)).toEqual({ elements: 2 * 5 * 2, float32: 0 });
  });

  it('with an output gate has twice the queries', () => {
    expect(weights({ ...attention, outputGate: true })).toBe(72 + 12 + 12 + 36);
  });

  it('whose values are its keys has no matrix for values, and a cache for both', () => {
    const shared = { ...attention, keysAreValues: true };
    expect(weights(shared)).toBe(36 + 12 + 36);
    expect(cache(shared, 5).elements).toBe(20);
  });

  it('that borrows keys has none, nor a cache', () => {
    const borrower = { ...attention, lender: 2 };
    expect(weights(borrower)).toBe(36 + 36);
    expect(mixing(borrower, { tokens: 4, keys: 4 })).toBe(192);
    expect(cache(borrower, 5).elements).toBe(0);
  });

  it('with a window of 3 sees 3 keys, and keeps all unless the cache is windowed', () => {
    const local = { ...attention, window: 3 };
    expect(mixing(local, { tokens: 4, keys: 4 })).toBe(2 * 12 * 6);
    expect(cache(local, 5).elements).toBe(20);
    expect(cache(local, 5, keepWindow).elements).toBe(12);
    expect(cache(local, 2, keepWindow).elements).toBe(8);
    expect(cache(attention, 5, keepWindow).elements).toBe(20);
  });
});

describe('latent attention', () => {
  /** 2 heads of 3 + 1, values of 2, made of 4 numbers; queries of 5. */
  const latent: LatentAttention = {
    kind: 'latent-attention',
    heads: 2,
    queryRank: 5,
    latentRank: 4,
    plainDim: 3,
    rotaryDim: 1,
    valueDim: 2,
  };
  const expansion = 4 * 2 * (3 + 2);

  it('has both halves of each low-rank matrix', () => {
    const query = 6 * 5 + 5 * 8;
    const keys = 6 * (4 + 1);
    expect(scored(latent)).toBe(query + keys + expansion);
    expect(weights(latent)).toBe(query + keys + expansion + 4 * 6);
    expect(weights({ ...latent, queryRank: null })).toBe(6 * 8 + keys + expansion + 4 * 6);
  });

  it('scores with 4 numbers and mixes 2 of each head in a prompt', () => {
    expect(mixing(latent, { tokens: 3, keys: 3 })).toBe(9 * 2 * (4 + 2));
  });

  it('stays among the short vectors while decoding', () => {
    expect(mixing(latent, { tokens: 1, keys: 9, oneByOne: true })).toBe(9 * 2 * (4 + 1 + 4));
  });

  it('keeps 5 numbers a token', () => {
    expect(cache(latent, 7)).toEqual({ elements: 35, float32: 0 });
  });
});

describe('convolution', () => {
  const conv = { kind: 'convolution', kernel: 3, channels: 6, stateColumns: 3 } as const;

  it('has three matrices in, one out, and a filter a channel', () => {
    expect(weights(conv)).toBe(4 * 36);
    expect(scored(conv)).toBeNull();
    expect(mixing(conv, { tokens: 5, keys: 100 })).toBe(5 * 18);
  });

  it('keeps the same however long the sequence', () => {
    expect(cache(conv, 5)).toEqual({ elements: 18, float32: 0 });
    expect(cache(conv, 5000)).toEqual({ elements: 18, float32: 0 });
  });
});

describe('delta rule', () => {
  /** 2 key heads of 3, 4 value heads of 5. */
  const delta: DeltaRule = {
    kind: 'delta-rule',
    keyHeads: 2,
    valueHeads: 4,
    keyDim: 3,
    valueDim: 5,
    kernel: 4,
  };
  const channels = 6 + 6 + 20;

  it('has queries, keys, values, a gate, two numbers a head, and the way back', () => {
    expect(weights(delta)).toBe(6 * (channels + 20 + 4 + 4) + 20 * 6);
    expect(scored(delta)).toBeNull();
  });

  it('goes over its state three times a token, and over four columns', () => {
    expect(mixing(delta, { tokens: 7, keys: 7 })).toBe(7 * (3 * 4 * 15 + 4 * channels));
  });

  it('keeps three columns, and its matrices in float32', () => {
    expect(cache(delta, 9)).toEqual({ elements: 3 * channels, float32: 4 * 15 });
  });
});

describe('FFNs', () => {
  it('have three matrices, or two', () => {
    expect(ffnWeights({ kind: 'mlp', width: 5, matrices: 3 })).toBe(90);
    expect(ffnWeights({ kind: 'mlp', width: 5, matrices: 2 })).toBe(60);
  });

  it('of experts: the router, those picked, and what is shared', () => {
    const experts = {
      kind: 'experts',
      experts: 8,
      perToken: 2,
      width: 4,
      sharedWidth: 0,
      sharedGate: false,
    } as const;
    expect(ffnWeights(experts)).toBe(6 * 8 + 2 * 3 * 24);
    expect(ffnWeights({ ...experts, sharedWidth: 7, sharedGate: true })).toBe(
      6 * 9 + 2 * 3 * 24 + 3 * 42,
    );
    expect(ffnKind(experts).width({ ...experts, sharedWidth: 7 })).toBe(15);
  });
});
