/** Opens the decoder of one load, pruned. */
import type { TransPruneError } from '@transprune/core';
import type { OpenInstead } from './opening.js';
import type { PruningOptions } from './options.js';
import type { Platform, PrunedSource } from './platform.js';
import { type PrunedSession, prunedSession } from './pruned-session.js';
import { isRefusal } from './refusal.js';
import type { RuntimeSession, SessionOptions } from './runtime.js';

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
    try {
      const found = await platform.prune(source, options);
      if (!found) return create(source, sessionOptions);
      await replaced?.release();
      const session = await create(found.source, withExternalData(sessionOptions, found));
      outcome.session = prunedSession(session, found);
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

function withExternalData(
  options: SessionOptions,
  { externalData }: Pick<PrunedSource, 'externalData'>,
): SessionOptions {
  if (!externalData) return options;
  const known = (options.externalData ?? []) as readonly unknown[];
  return { ...options, externalData: [...known, ...externalData] };
}
