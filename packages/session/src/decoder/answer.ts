/** What a call on a decoder gives. */
import type { NDArray } from '@transprune/core';
import type { SessionTensor } from '../backend.js';
import { readNumbers } from './tensors.js';

/** What a call gave. Its tensors are the caller's, to be disposed. */
export interface DecoderAnswer {
  /** `[batch, tokens or fewer, vocabulary]` */
  readonly logits: SessionTensor;
  /** Those that were asked for, by name; caches among them are the conversation's too, to be read only. */
  readonly outputs: Readonly<Record<string, SessionTensor>>;
}

/** What a call gave, as numbers. */
export interface AnswerNumbers {
  /** `[batch, tokens or fewer, vocabulary]` */
  readonly logits: NDArray;
  /** Those that were asked for, by name. */
  readonly outputs: Readonly<Record<string, NDArray>>;
}

/** Brings all that a call gave as numbers, and frees its tensors. */
export async function readAnswer({ logits, outputs }: DecoderAnswer): Promise<AnswerNumbers> {
  try {
    const read: Record<string, NDArray> = {};
    for (const [name, tensor] of Object.entries(outputs)) read[name] = await readNumbers(tensor);
    return { logits: await readNumbers(logits), outputs: read };
  } finally {
    for (const tensor of [logits, ...Object.values(outputs)]) tensor.dispose();
  }
}
