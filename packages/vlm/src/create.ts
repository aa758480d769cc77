/** An engine of a model's files. */
import type { Reduction } from '@transprune/core';
import type { VlmFiles } from '@transprune/files';
import { type Backend, type ModelSource, openSession, type Session } from '@transprune/session';
import type { Engine } from './engine/engine.js';
import { type DecoderSource, defaultKeepRatios } from './engine/keep-ratios.js';
import { startEngine } from './engine/local-engine.js';
import { wholeNumber } from './engine/options.js';
import type { SchedulerLimits } from './engine/scheduler.js';
import { createTurns, inTurns } from './engine/turns.js';
import { type CachedSession, cachedSession } from './engine/vision-cache.js';
import type { Frontend } from './frontend.js';
import { measuredEncoder, reducedSession } from './reduction/encoder.js';
import { createFrontend } from './transformers/frontend.js';

export interface EngineOptions extends SchedulerLimits {
  readonly files: VlmFiles;
  readonly backend: Backend;
  /** One of the backend's devices; the best that works if left out. */
  readonly device?: string | undefined;
  /** Used instead of the files' own decoder, for example a pruned one. */
  readonly decoder?: DecoderSource | undefined;
  /**
   * Bytes of image features that are kept for requests with the same images, the latest ones; none if left
   * out. A request's images count as one: another order, or one more, is encoded anew.
   */
  readonly visionCacheBytes?: number | undefined;
  /** Fewer image tokens than the vision encoder makes, whatever is asked; all of them if left out. */
  readonly reduction?: Reduction | undefined;
  /** Needed only where `config.json` names none. */
  readonly imageTokenId?: number | undefined;
}

/** An engine in this thread. */
export interface LocalEngine extends Engine {
  /**
   * The same model with another decoder. Both share all other parts. Dispose both, the returned one first.
   *
   * @throws TransPruneError for a decoder that cannot be opened
   */
  withDecoder(decoder: DecoderSource): Promise<LocalEngine>;
}

/**
 * Opens a model. Prompts and images are read by transformers.js, the graphs run in the given backend, one at a
 * time.
 *
 * @throws TransPruneError NOT_FOUND for a missing file, INVALID_MODEL for one that doesn't parse,
 *   UNSUPPORTED_MODEL for other kinds of models and for a reduction that the encoder does not allow,
 *   INVALID_ARGUMENT for a reduction that is none, DEVICE_UNAVAILABLE with the backend's reason
 */
export async function createEngine(options: EngineOptions): Promise<LocalEngine> {
  const { files } = options;
  const opened: Owned[] = [];
  const turns = createTurns();
  const open: Open = async (source, owned) => {
    const session = await openSession(options.backend, source, options.device);
    owned.push(session);
    return inTurns(session, turns);
  };
  const { visionCacheBytes = 0 } = options;
  wholeNumber('visionCacheBytes', visionCacheBytes, 0);
  let visionCache: CachedSession | undefined;
  const openEncoder = async () => {
    const { reduction } = options;
    if (!reduction) return open(await files.graph('vision_encoder'), opened);
    const { source, measures, dispose } = await measuredEncoder(files, reduction);
    opened.push({ dispose });
    return reducedSession(await open(source, opened), reduction, measures);
  };
  const around = async () => {
    const encoder = await openEncoder();
    if (visionCacheBytes > 0) visionCache = cachedSession(encoder, visionCacheBytes);
    return {
      vision: visionCache ?? encoder,
      embedding: await open(await files.graph('embed_tokens'), opened),
    };
  };
  try {
    const frontend = await createFrontend(files, around, options);
    const source = options.decoder ?? (await files.graph('decoder_model_merged'));
    return await withDecoder({ options, frontend, open, visionCache }, source, opened);
  } catch (error) {
    await disposeAll(opened);
    throw error;
  }
}

/** What an engine holds until it is disposed. */
type Owned = Pick<Session, 'dispose'>;

/** Opens a session that runs in turn with the others, and notes whose it is. */
type Open = (source: ModelSource, owned: Owned[]) => Promise<Session>;

/** What all decoders of a model share. */
interface Shared {
  readonly options: EngineOptions;
  readonly frontend: Frontend;
  readonly open: Open;
  readonly visionCache: CachedSession | undefined;
}

/** @param owned what the engine disposes, besides the decoder's session */
async function withDecoder(
  shared: Shared,
  source: DecoderSource,
  owned: Owned[],
): Promise<LocalEngine> {
  const { options, frontend, open, visionCache } = shared;
  const decoder = await open(source, owned);
  const engine = startEngine({
    frontend,
    decoder,
    keepRatios: defaultKeepRatios(source, decoder),
    visionCache,
    maxActive: options.maxActive,
    maxWaiting: options.maxWaiting,
    release: () => disposeAll(owned),
  });
  return {
    ...engine,
    async withDecoder(other) {
      const own: Owned[] = [];
      try {
        return await withDecoder(shared, other, own);
      } catch (error) {
        await disposeAll(own);
        throw error;
      }
    },
  };
}

/** The latest first: a graph's files go after its session. */
async function disposeAll(owned: readonly Owned[]): Promise<void> {
  for (const each of owned.toReversed()) await each.dispose();
}
