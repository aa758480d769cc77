/** A pruned decoder, run on hand-made feeds. */
import { imageMaskInput, keptOutput, scoreOutput } from '@transprune/core';
import { Tensor } from 'onnxruntime-node';
import { cachesOf, feedsOf, logitsOf, open } from './decoder-run.js';
import { type Prompt, steps } from './prompt.js';

export interface Answers {
  /** Of the prompt and of the steps after it, of the tokens that are left. */
  readonly logits: readonly Float32Array[];
  /** For each stage, the places in the prompt of the tokens that are left; then those of the prompt that is asked again. */
  readonly kept: readonly (readonly number[])[];
  /** For each stage, a score of every token that it is asked about; 0 at text. */
  readonly scores: readonly Float32Array[];
}

export interface PlayOptions {
  /** See `Fed`. */
  readonly nudge?: number;
  /** Asks the prompt again in the end, on top of all that came before: stages tell twice what is left. */
  readonly again?: boolean;
}

/** @throws Error if the decoder does not run */
export async function playPruned(
  bytes: Uint8Array,
  weights: Readonly<Record<string, Uint8Array>>,
  { imageMask }: Prompt,
  { nudge = 0, again = false }: PlayOptions = {},
): Promise<Answers> {
  const session = await open(bytes, weights);
  try {
    const logits: Float32Array[] = [];
    const kept: number[][] = [];
    const scores: Float32Array[] = [];
    let caches: ReadonlyMap<string, Tensor> = new Map();
    let past = 0;
    const calls = ['prefill', ...Array.from({ length: steps }, (_, at) => `step ${at}`)];
    for (const call of again ? [...calls, 'again'] : calls) {
      const isStep = call.startsWith('step');
      const mask = isStep ? [0] : imageMask;
      const tokens = [...mask.keys()];
      const positions = tokens.map((at) => past + at);
      const ints = new Tensor('int64', BigInt64Array.from(mask, BigInt), [1, mask.length]);
      const given = new Map([[imageMaskInput, ints]]);
      const fed = { call, tokens, of: mask.length, positions, past, caches, nudge, given };
      const outputs = await session.run(feedsOf(session, fed));
      logits.push(logitsOf(new Map(Object.entries(outputs))));
      for (let stage = 0; !isStep && outputs[keptOutput(stage)]; stage++) {
        kept.push(Array.from(outputs[keptOutput(stage)]?.data as BigInt64Array, Number));
        scores.push(outputs[scoreOutput(stage)]?.data as Float32Array);
      }
      caches = cachesOf(session, outputs);
      past += mask.length;
    }
    return { logits, kept, scores };
  } finally {
    await session.release();
  }
}
