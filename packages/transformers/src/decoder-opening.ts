/** Opens the decoder of one load, pruned. */
import type { PrunePlan, TransPruneError } from '@transprune/core';
import type { OpenInstead } from './opening.js';
import type { PruningOptions } from './options.js';
import type { Platform } from './platform.js';
import { isDecoder, isRefusal, pruneDecoder } from './prune.js';
import { type PrunedSession, prunedSession } from './pruned-session.js';
import type { RuntimeSession } from './runtime.js';

/** What became of the decoder of a load; of nothing if the load had none. */
export interface Outcome {
  session?: PrunedSession;
  /** Why it was left as it is. */
  refusal?: TransPruneError;
  /**
   * Why there is none. It is not thrown where it happens: in a browser the library opens and runs nothing more
   * after an error in `create`.
   */
  error?: unknown;
}

export interface DecoderOpening {
  readonly open: OpenInstead;
  readonly outcome: Outcome;
}

/** In Node the library hands over a path, by which other models need not be read. */
const decoderFile = /(^|[\\/])decoder_model_merged[^\\/]*\.onnx$/;

/** Takes the place of a decoder that could not be opened, until its model is disposed. */
const unopened = { release: async () => {} } as RuntimeSession;

/**
 * Prepares to open the decoder among the sessions of a load.
 *
 * @param replaced a decoder that makes way for it once it is certain that it can be pruned
 */
export function decoderOpening(
  platform: Platform,
  options: PruningOptions,
  replaced?: RuntimeSession,
): DecoderOpening {
  const outcome: Outcome = {};
  const open: OpenInstead = async (create, source, sessionOptions) => {
    const isPath = typeof source === 'string';
    if (isPath && !decoderFile.test(source)) return create(source, sessionOptions);
    let plan: PrunePlan | undefined;
    try {
      const rewritten = await platform.rewrite(source, (model) => {
        if (!isPath && !isDecoder(model)) return model;
        const pruned = pruneDecoder(model, options);
        plan = pruned.plan;
        return pruned.model;
      });
      if (!plan) return create(source, sessionOptions);
      await replaced?.release();
      outcome.session = prunedSession(await create(rewritten, sessionOptions), plan);
      return outcome.session;
    } catch (error) {
      if (options.onUnsupported === 'warn' && isRefusal(error, options)) {
        outcome.refusal = error;
        return replaced ?? create(source, sessionOptions);
      }
      outcome.error = error;
      return unopened;
    }
  };
  return { open, outcome };
}
