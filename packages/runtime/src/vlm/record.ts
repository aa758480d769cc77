import { TransPruneError } from '@transprune/core';
import { imageMaskInput } from '@transprune/onnx';
import type { HostTensor, Session, SessionTensor } from '../backend.js';
import { tensorBytes } from '../elements.js';
import { adaptSession, type Feeds, type Outputs, type TransformersSession } from './adapter.js';
import { isCacheInput, isCacheOutput, type VlmConfig, withCacheSizes } from './config.js';

/** Outputs beyond what transformers.js knows; only the prefill is asked for them. */
const isTrace = (name: string) => name !== 'logits' && !isCacheOutput(name);

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
  /** The prompt's tokens, 1 at image tokens. */
  imageMask: BigInt64Array;
  /** Outputs of the prefill besides logits and caches: they tell what was pruned. */
  trace: Readonly<Record<string, HostTensor>>;
  /** Shapes of the caches behind the latest run, by output name. */
  caches: readonly CacheShape[];
}

export interface CacheShape {
  readonly name: string;
  readonly dims: readonly number[];
  readonly bytes: number;
}

/** Sessions as transformers.js wants them, and the record of what they do. */
export interface RecordedSessions {
  readonly sessions: Readonly<Record<string, TransformersSession>>;
  /** Starts a new record; what runs from now on is written to it. */
  begin(): RunRecord;
}

/**
 * Puts a recorder between transformers.js and the sessions. It also supplies what transformers.js
 * doesn't know of: the decoder's image mask, taken from the ids that the embedding saw.
 */
export function recordSessions(
  { vision, embedding, decoder }: VlmSessions,
  config: VlmConfig,
  imageToken: number,
): RecordedSessions {
  let record = emptyRecord();
  let mask: HostTensor<'int64'> | undefined;
  const wantsMask = decoder.inputs.some(({ name }) => name === imageMaskInput);
  const untraced = decoder.outputs.map(({ name }) => name).filter((name) => !isTrace(name));

  const runVision = async (feeds: Feeds) => {
    const { outputs, ms } = await timed(() => vision.run(feeds));
    record.visionMs += ms;
    return outputs;
  };
  const runEmbedding = async (feeds: Feeds) => {
    const ids = feeds.input_ids;
    if (ids && 'data' in ids && ids.data instanceof BigInt64Array) {
      mask = maskOf(ids.data, ids.dims, imageToken);
    }
    const { outputs, ms } = await timed(() => embedding.run(feeds));
    record.embeddingMs += ms;
    return outputs;
  };
  const runDecoder = async (feeds: Feeds): Promise<Outputs> => {
    const prefill = pastLength(feeds) === 0;
    if (prefill) record.imageMask = mask?.data ?? new BigInt64Array(0);
    const fed = wantsMask
      ? { ...feeds, [imageMaskInput]: maskFor(feeds, prefill ? mask : undefined) }
      : feeds;
    const { outputs, ms } = await timed(() => decoder.run(fed, prefill ? undefined : untraced));
    if (prefill) {
      record.prefillMs = ms;
      record.prefillEnd = performance.now();
      record.trace = await download(outputs, isTrace);
    } else {
      record.decodeMs.push(ms);
    }
    record.caches = cacheShapes(outputs);
    return Object.fromEntries(Object.entries(outputs).filter(([name]) => !isTrace(name)));
  };

  return {
    sessions: {
      vision_encoder: adaptSession(vision, { run: runVision }),
      embed_tokens: adaptSession(embedding, { run: runEmbedding }),
      decoder_model_merged: adaptSession(decoder, {
        inputs: withCacheSizes(
          decoder.inputs.filter(({ name }) => name !== imageMaskInput),
          config,
        ),
        run: runDecoder,
        opaque: isCacheOutput,
      }),
    },
    begin() {
      record = emptyRecord();
      mask = undefined;
      return record;
    },
  };
}

function emptyRecord(): RunRecord {
  return {
    visionMs: 0,
    embeddingMs: 0,
    prefillMs: 0,
    decodeMs: [],
    prefillEnd: 0,
    imageMask: new BigInt64Array(0),
    trace: {},
    caches: [],
  };
}

async function timed(run: () => Promise<Outputs>): Promise<{ outputs: Outputs; ms: number }> {
  const start = performance.now();
  const outputs = await run();
  return { outputs, ms: performance.now() - start };
}

function maskOf(
  ids: BigInt64Array,
  dims: readonly number[],
  imageToken: number,
): HostTensor<'int64'> {
  const wanted = BigInt(imageToken);
  return { type: 'int64', dims, data: ids.map((id) => (id === wanted ? 1n : 0n)) };
}

/** Tokens that the decoder has seen before; all layers count in the first one's cache. */
function pastLength(feeds: Feeds): number {
  const first = Object.entries(feeds).find(([name]) => isCacheInput(name));
  return first?.[1].dims.at(-2) ?? 0;
}

/** The mask for the tokens of this run; without a remembered one, none is an image token. */
function maskFor(feeds: Feeds, known: HostTensor<'int64'> | undefined): HostTensor<'int64'> {
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

async function download(
  outputs: Outputs,
  wanted: (name: string) => boolean,
): Promise<Record<string, HostTensor>> {
  const host: Record<string, HostTensor> = {};
  for (const [name, tensor] of Object.entries(outputs)) {
    if (wanted(name)) host[name] = await tensor.download();
  }
  return host;
}

function cacheShapes(outputs: Readonly<Record<string, SessionTensor>>): CacheShape[] {
  return Object.entries(outputs)
    .filter(([name]) => isCacheOutput(name))
    .map(([name, tensor]) => ({ name, dims: tensor.dims, bytes: tensorBytes(tensor) }));
}
