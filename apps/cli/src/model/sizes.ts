import type { DecoderConfig } from '@transprune/core';
import { llamaDecoder, type Model } from '@transprune/flops';
import type { Decoder } from '@transprune/onnx';

/** The sizes of a decoder as its graph tells them, for counting costs. */
export function sizesOf(decoder: Decoder): DecoderConfig {
  const { heads, kvHeads, headDim } = decoder.attention;
  return {
    layers: decoder.layers.length,
    hiddenSize: decoder.hiddenSize,
    heads,
    kvHeads,
    headDim,
    intermediateSize: decoder.intermediateSize,
    vocabularySize: decoder.vocabularySize,
    // None of these costs anything.
    rmsNormEpsilon: 1e-6,
    ropeTheta: 10000,
    maxPositions: 2048,
    tiedEmbeddings: false,
  };
}

/** A decoder by itself, as a model whose cost can be counted. */
export function decoderModel(name: string, decoder: DecoderConfig, imageTokens: number): Model {
  return {
    name,
    source: name,
    decoder: llamaDecoder(decoder),
    vision: null,
    imageTokens,
    imageAssumption: `${imageTokens} image tokens`,
    notes: [],
  };
}

/** False if the graph left a size open, so that costs cannot be counted. */
export function sizesAreKnown({ hiddenSize, intermediateSize, vocabularySize }: Decoder): boolean {
  return hiddenSize > 0 && intermediateSize > 0 && vocabularySize > 0;
}
