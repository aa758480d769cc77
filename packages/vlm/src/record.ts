import { TransPruneError } from '@transprune/core';
import type { HostTensor, Session, SessionTensor } from '@transprune/session';
import { takeElements, tensorBytes } from '@transprune/session';
import { adaptSession, type Feeds, type Outputs, type TransformersSession } from './adapter.js';
import { isCacheOutput, type VlmConfig, withCacheSizes } from './config.js';
import { disposeMasks, pruningInterface, type StageMasks } from './pruning-feeds.js';
import { numberImages, tokensPerImage } from './spans.js';

/** The sessions a vision-language model runs on. */
export interface VlmSessions {
  readonly vision: Session;
  readonly embedding: Session;
  readonly decoder: Session;
}

/** What the sessions did for one prompt; times are in milliseconds. */
export interface RunRecord {
  visionMs: number;
  embeddingMs: number;
  prefillMs: number;
  /** One for each decode step. */
  readonly decodeMs: number[];
  /** When the prefill's outputs were there, as `performance.now()` counts. */
  prefillEnd: number;
  /** The tokens of the prefill: 0 at text, the number of the image at image tokens. */
  images: BigInt64Array;
  /** Outputs of the prefill besides logits and caches: they tell what was pruned. */
  trace: Readonly<Record<string, HostTensor>>;
  /** Shapes of the caches behind the latest run, by output name. */
  caches: readonly CacheShape[];
  /** What the caches need beside them on the next run; whoever began the record disposes them. */
  masks: StageMasks;
}

export interface CacheShape {
  readonly name: string;
  readonly dims: readonly number[];
  readonly bytes: number;
}

/** What the decoder is fed for one prompt, besides what transformers.js feeds. */
export interface RunSettings {
  /** For decoders that take them. */
  readonly keepRatios?: readonly number[] | undefined;
  /** Those that an earlier record left beside the caches that the prompt goes on top of. */
  readonly masks?: StageMasks;
}

/** Sessions as transformers.js wants them, and the record of what they do. */
export interface RecordedSessions {
  readonly sessions: Readonly<Record<string, TransformersSession>>;
  /** Starts a new record; what runs from now on is written to it. */
  begin(settings?: RunSettings): RunRecord;
}

/**
 * Puts a recorder between transformers.js and the sessions. It also supplies what transformers.js
 * doesn't know of: what a decoder takes because it prunes itself, the image mask above all, which is
 * taken from the ids that the embedding saw.
 */
export function recordSessions(
  { vision, embedding, decoder }: VlmSessions,
  config: VlmConfig,
  imageToken: number,
): RecordedSessions {
  let record = emptyRecord({});
  let keepRatios: readonly number[] | undefined;
  let ids: HostTensor<'int64'> | undefined;
  let perImage: number | undefined;
  let isPrefill = true;
  const pruning = pruningInterface(decoder);
  const prunes = decoder.inputs.some(({ name }) => pruning.takes(name));
  /** Outputs beyond what a next run needs; only the prefill is asked for them. */
  const isTrace = (name: string) =>
    name !== 'logits' && !isCacheOutput(name) && !pruning.isMask(name);
  const untraced = decoder.outputs.map(({ name }) => name).filter((name) => !isTrace(name));

  const runVision = async (feeds: Feeds) => {
    const { outputs, ms } = await timed(() => vision.run(feeds));
    record.visionMs += ms;
    const [features] = Object.values(outputs);
    perImage = tokensPerImage(feeds.pixel_values?.dims, features?.dims);
    return outputs;
  };
  const runEmbedding = async (feeds: Feeds) => {
    const fed = feeds.input_ids;
    if (fed && 'data' in fed && fed.data instanceof BigInt64Array) {
      ids = { type: 'int64', dims: fed.dims, data: fed.data };
    }
    const { outputs, ms } = await timed(() => embedding.run(feeds));
    record.embeddingMs += ms;
    return outputs;
  };
  const runDecoder = async (feeds: Feeds): Promise<Outputs> => {
    const prefill = isPrefill;
    isPrefill = false;
    const known = prefill && ids ? numberImages(ids, imageToken, perImage) : undefined;
    if (known) record.images = known.data;
    const fed = prunes
      ? { ...feeds, ...pruning.feeds(imagesFor(feeds, known), keepRatios, record.masks) }
      : feeds;
    const { outputs, ms } = await timed(() => decoder.run(fed, prefill ? undefined : untraced));
    disposeMasks(record.masks);
    record.masks = pruning.masksOf(outputs);
    if (prefill) {
      record.prefillMs = ms;
      record.prefillEnd = performance.now();
      record.trace = await takeAll(outputs, isTrace);
    } else {
      record.decodeMs.push(ms);
    }
    record.caches = cacheShapes(outputs);
    return Object.fromEntries(
      Object.entries(outputs).filter(([name]) => !isTrace(name) && !pruning.isMask(name)),
    );
  };

  return {
    sessions: {
      vision_encoder: adaptSession(vision, { run: runVision }),
      embed_tokens: adaptSession(embedding, { run: runEmbedding }),
      decoder_model_merged: adaptSession(decoder, {
        inputs: withCacheSizes(
          decoder.inputs.filter(({ name }) => !pruning.takes(name)),
          config,
        ),
        run: runDecoder,
        opaque: isCacheOutput,
      }),
    },
    begin(settings = {}) {
      record = emptyRecord(settings.masks ?? {});
      keepRatios = settings.keepRatios;
      ids = undefined;
      perImage = undefined;
      isPrefill = true;
      return record;
    },
  };
}

function emptyRecord(masks: StageMasks): RunRecord {
  return {
    visionMs: 0,
    embeddingMs: 0,
    prefillMs: 0,
    decodeMs: [],
    prefillEnd: 0,
    images: new BigInt64Array(0),
    trace: {},
    caches: [],
    masks,
  };
}

async function timed(run: () => Promise<Outputs>): Promise<{ outputs: Outputs; ms: number }> {
  const start = performance.now();
  const outputs = await run();
  return { outputs, ms: performance.now() - start };
}

/** Numbers of the images for the tokens of this run; unless they are known, none is an image token. */
function imagesFor(feeds: Feeds, known: HostTensor<'int64'> | undefined): HostTensor<'int64'> {
  const [batch = 1, tokens = 1] = feeds.inputs_embeds?.dims ?? feeds.input_ids?.dims ?? [];
  if (!known) {
    return { type: 'int64', dims: [batch, tokens], data: new BigInt64Array(batch * tokens) };
  }
  if (known.dims[0] !== batch || known.dims[1] !== tokens) {
    throw new TransPruneError(
      'UNSUPPORTED_MODEL',
      `expected the decoder to be fed all ${known.dims.join(' x ')} embedded tokens at once, got ${batch} x ${tokens}`,
      { expected: known.dims, found: [batch, tokens] },
    );
  }
  return known;
}

async function takeAll(
  outputs: Outputs,
  wanted: (name: string) => boolean,
): Promise<Record<string, HostTensor>> {
  const host: Record<string, HostTensor> = {};
  for (const [name, tensor] of Object.entries(outputs)) {
    if (wanted(name)) host[name] = await takeElements(tensor);
  }
  return host;
}

function cacheShapes(outputs: Readonly<Record<string, SessionTensor>>): CacheShape[] {
  return Object.entries(outputs)
    .filter(([name]) => isCacheOutput(name))
    .map(([name, tensor]) => ({ name, dims: tensor.dims, bytes: tensorBytes(tensor) }));
}
