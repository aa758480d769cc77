/** What a decoder is fed: a prompt of random embeddings, the image first, and single tokens after it. */
import { uniformNoise } from '@transprune/core';
import {
  type CacheSizes,
  type DecoderCall,
  DecoderSession,
  type HostTensor,
  type PrefillCall,
  type Session,
} from '@transprune/session';

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

/** What a decoder is fed for the whole prompt, as it declares; nothing is run. */
export async function promptFeeds(
  { inputs, outputs, device }: Session,
  sizes: PromptSizes,
): Promise<Record<string, HostTensor>> {
  const fed: Record<string, HostTensor> = {};
  const listener: Session = {
    inputs,
    outputs,
    device,
    async run(feeds) {
      for (const [name, tensor] of Object.entries(feeds)) if ('data' in tensor) fed[name] = tensor;
      const dims = [1, 1, 1];
      const logits = { type: 'float32', dims, data: new Float32Array(1) } as const;
      return { logits: { ...logits, download: async () => logits, dispose() {} } };
    },
    async dispose() {},
  };
  await new DecoderSession(listener, { cacheSizes: sizes }).prefill(promptCall(sizes));
  return fed;
}
