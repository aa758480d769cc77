/** A pruned decoder, run on hand-made feeds. */
import { imageMaskInput, keptOutput } from '@transprune/core';
import { Tensor } from 'onnxruntime-node';
import { cachesOf, feedsOf, logitsOf, open } from './decoder-run.js';
import { type Prompt, steps } from './prompt.js';

export interface Answers {
  /** Of the prompt and of the steps after it, of the tokens that are left. */
  readonly logits: readonly Float32Array[];
  /** For each stage, the places in the prompt of the tokens that are left. */
  readonly kept: readonly (readonly number[])[];
}

/** @throws Error if the decoder does not run */
export async function playPruned(
  bytes: Uint8Array,
  weights: Readonly<Record<string, Uint8Array>>,
  { imageMask }: Prompt,
): Promise<Answers> {
  const session = await open(bytes, weights);
  try {
    const logits: Float32Array[] = [];
    const kept: number[][] = [];
    let caches: ReadonlyMap<string, Tensor> = new Map();
    let past = 0;
    for (const call of ['prefill', ...Array.from({ length: steps }, (_, at) => `step ${at}`)]) {
      const mask = call === 'prefill' ? imageMask : [0];
      const tokens = [...mask.keys()];
      const positions = tokens.map((at) => past + at);
      const ints = new Tensor('int64', BigInt64Array.from(mask, BigInt), [1, mask.length]);
      const given = new Map([[imageMaskInput, ints]]);
      const fed = { call, tokens, of: mask.length, positions, past, caches, nudge: 0, given };
      const outputs = await session.run(feedsOf(session, fed));
      logits.push(logitsOf(new Map(Object.entries(outputs))));
      for (let stage = 0; call === 'prefill' && outputs[keptOutput(stage)]; stage++) {
        kept.push(Array.from(outputs[keptOutput(stage)]?.data as BigInt64Array, Number));
      }
      caches = cachesOf(session, outputs);
      past += mask.length;
    }
    return { logits, kept };
  } finally {
    await session.release();
  }
}
