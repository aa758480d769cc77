/** What a decoder is fed: a prompt of random embeddings, the image first, and single tokens after it. */
import { uniformNoise } from '@transprune/core';
import type { CacheSizes, DecoderCall, HostTensor, PrefillCall } from '@transprune/session';

export interface PromptSizes extends CacheSizes {
  readonly imageTokens: number;
  readonly textTokens: number;
  readonly hiddenSize: number;
}

const seed = 2;

/** The whole prompt. */
export function promptCall(sizes: PromptSizes): PrefillCall {
  const { imageTokens, textTokens } = sizes;
  const tokens = imageTokens + textTokens;
  return {
    embeddings: randomEmbeddings(sizes, tokens, seed),
    images: Array.from({ length: tokens }, (_, i) => (i < imageTokens ? 1 : 0)),
    logitsToKeep: 1,
  };
}

/** One token. */
export function tokenCall(sizes: PromptSizes, step: number): DecoderCall {
  return { embeddings: randomEmbeddings(sizes, 1, seed + 1 + step), logitsToKeep: 1 };
}

function randomEmbeddings(
  { hiddenSize }: PromptSizes,
  tokens: number,
  noiseSeed: number,
): HostTensor {
  const data = uniformNoise(noiseSeed, tokens * hiddenSize).map((u) => 2 * u - 1);
  return { type: 'float32', dims: [1, tokens, hiddenSize], data };
}
