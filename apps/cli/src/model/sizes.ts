import { counted, type DecoderConfig } from '@transprune/core';
import {
  type DecoderDescription,
  type LatentAttention,
  llamaDecoder,
  type Model,
} from '@transprune/flops';
import type { Decoder, DecoderLayer } from '@transprune/onnx';

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

/** Latent attention whose cache declares its sizes; undefined for any other. */
function latentOf({ attention }: DecoderLayer): LatentAttention | undefined {
  const { shape, latent } = attention?.reading ?? {};
  if (!shape || !latent?.rank || !latent.rotated) return undefined;
  const { heads, headDim, valueDim = headDim } = shape;
  const { queries, rank, rotated } = latent;
  return {
    kind: 'latent-attention',
    heads,
    queryRank: queries.input === attention?.input ? null : queries.inFeatures,
    latentRank: rank,
    plainDim: headDim - rotated,
    rotaryDim: rotated,
    valueDim,
  };
}

/** What each layer of a decoder costs, as its graph tells it: latents, and layers of experts beside those of one FFN. */
export function descriptionOf(decoder: Decoder): DecoderDescription {
  const plain = llamaDecoder(sizesOf(decoder));
  const layers = plain.layers.map((layer, at) => {
    const own = decoder.layers[at];
    const mixer = (own && latentOf(own)) ?? layer.mixer;
    const experts = own?.ffn.experts;
    if (experts === undefined || experts === 'unknown') return { ...layer, mixer };
    const alone = { kind: 'experts', sharedWidth: 0, sharedGate: false } as const;
    return { ...layer, mixer, ffn: { ...alone, ...experts } };
  });
  return { ...plain, layers };
}

/** A decoder by itself, as a model whose cost can be counted. */
export function decoderModel(
  name: string,
  decoder: DecoderDescription,
  imageTokens: number,
): Model {
  return {
    name,
    source: name,
    decoder,
    vision: null,
    imageTokens,
    imageAssumption: counted(imageTokens, 'image token'),
    notes: [],
  };
}

/**
 * False if the graph left a size open, or has layers that are no plain attention of one size, so that costs cannot
 * be counted from its sizes alone.
 */
export function sizesAreKnown(decoder: Decoder): boolean {
  const { hiddenSize, intermediateSize, vocabularySize, layers, attention, features } = decoder;
  const isPlain = layers.every((layer) => {
    const { lender, reading } = layer.attention ?? {};
    const { headDim, valueDim = headDim } = reading?.shape ?? {};
    const isValued = valueDim === headDim || latentOf(layer) !== undefined;
    const isOneSize = headDim === attention.headDim && isValued;
    return isOneSize && lender === undefined && layer.ffn.experts !== 'unknown';
  });
  const isKnown = hiddenSize > 0 && intermediateSize > 0 && vocabularySize > 0;
  return isKnown && isPlain && features.length === 0;
}
