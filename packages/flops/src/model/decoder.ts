/** A decoder as far as its cost goes: what each layer does, as plain data. */
import type { DecoderConfig } from '@transprune/core';
import { type Ffn, hasAttention, type Mixer } from '../layers/index.js';
import type { LinearSize } from '../layers/kind.js';

export interface LayerDescription {
  readonly mixer: Mixer;
  readonly ffn: Ffn;
  /** Matrices beside the two modules that each token passes: per-layer inputs, LAuReL, AltUp. */
  readonly beside: readonly LinearSize[];
}

export interface DecoderDescription {
  readonly hiddenSize: number;
  readonly vocabularySize: number;
  readonly tiedEmbeddings: boolean;
  /** Layer 1 first. */
  readonly layers: readonly LayerDescription[];
  /** Matrices that each token passes before layer 1: the projection of Gemma's per-layer inputs. */
  readonly entry: readonly LinearSize[];
  /** Those after the last layer and before the lm head, at each position that is left. */
  readonly exit: readonly LinearSize[];
}

/** A LLaMA-style decoder: every layer has full attention and a gated MLP. */
export function llamaDecoder(config: DecoderConfig): DecoderDescription {
  const { heads, kvHeads, headDim, intermediateSize } = config;
  const layer: LayerDescription = {
    mixer: {
      kind: 'attention',
      heads,
      kvHeads,
      headDim,
      window: null,
      lender: null,
      keysAreValues: false,
      outputGate: false,
    },
    ffn: { kind: 'mlp', width: intermediateSize, matrices: 3 },
    beside: [],
  };
  return {
    hiddenSize: config.hiddenSize,
    vocabularySize: config.vocabularySize,
    tiedEmbeddings: config.tiedEmbeddings,
    layers: new Array<LayerDescription>(config.layers).fill(layer),
    entry: [],
    exit: [],
  };
}

/**
 * Layers (from 1) that may follow a prune of a method that reads attention: they have attention with
 * keys of their own, and no later layer borrows keys from a layer before the prune, which would still
 * hold the dropped tokens.
 */
export function attentionLayers({ layers }: DecoderDescription): number[] {
  const lenders = layers.map(({ mixer }) => (mixer.kind === 'attention' ? mixer.lender : null));
  return layers.flatMap(({ mixer }, at) => {
    const follows = hasAttention(mixer) && lenders[at] === null;
    const borrowedAcross = lenders.slice(at).some((lender) => lender !== null && lender <= at);
    return follows && !borrowedAcross ? [at + 1] : [];
  });
}
