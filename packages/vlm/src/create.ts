/** An engine of a model's files. */
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
 *   UNSUPPORTED_MODEL for other kinds of models, DEVICE_UNAVAILABLE with the backend's reason
 */
export async function createEngine(options: EngineOptions): Promise<LocalEngine> {
  const { files } = options;
  const opened: Session[] = [];
  const turns = createTurns();
  const open: Open = async (source, owned) => {
    const session = await openSession(options.backend, source, options.device);
    owned.push(session);
    return inTurns(session, turns);
  };
  const { visionCacheBytes = 0 } = options;
  wholeNumber('visionCacheBytes', visionCacheBytes, 0);
  let visionCache: CachedSession | undefined;
  const around = async () => {
    const encoder = await open(await files.graph('vision_encoder'), opened);
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

/** Opens a session that runs in turn with the others, and notes whose it is. */
type Open = (source: ModelSource, owned: Session[]) => Promise<Session>;

/** What all decoders of a model share. */
interface Shared {
  readonly options: EngineOptions;
  readonly frontend: Frontend;
  readonly open: Open;
  readonly visionCache: CachedSession | undefined;
}

/** @param owned sessions that the engine disposes, besides the decoder's */
async function withDecoder(
  shared: Shared,
  source: DecoderSource,
  owned: Session[],
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
      const own: Session[] = [];
      try {
        return await withDecoder(shared, other, own);
      } catch (error) {
        await disposeAll(own);
        throw error;
      }
    },
  };
}

async function disposeAll(sessions: readonly Session[]): Promise<void> {
  await Promise.all(sessions.map((session) => session.dispose()));
}
