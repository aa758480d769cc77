import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { VlmFiles } from '@transprune/files';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import type { HostTensor, ValueInfo } from '@transprune/session';
import { modelDirectory } from '@transprune/small-model';
import { createEngine, type EngineOptions } from '../src/create.js';
import { type FakeSession, FakeTensor, fakeBackend, fakeSession, float32 } from './fake-backend.js';

export const hidden = 4;
export const vocabulary = 80;
const endToken = 2;

const cacheNames = (prefix: string, layers: number) =>
  Array.from({ length: layers }, (_, layer) =>
    ['key', 'value'].map((kind) => `${prefix}.${layer}.${kind}`),
  ).flat();

const info = (
  name: string,
  shape: ValueInfo['shape'],
  type: ValueInfo['type'] = 'float32',
): ValueInfo => ({ name, type, shape });

/** Ids to embeddings of zeros. */
export function fakeEmbedding(): FakeSession {
  return fakeSession({
    inputs: [info('input_ids', ['batch', 'tokens'], 'int64')],
    outputs: [info('inputs_embeds', ['batch', 'tokens', hidden])],
    run: ({ input_ids: ids }) => ({ inputs_embeds: float32([...(ids?.dims ?? []), hidden]) }),
  });
}

/** Makes features of ones, as many as the function counts in what it is fed. */
export function fakeVision(
  inputs: readonly ValueInfo[],
  features: (feeds: Parameters<Parameters<typeof fakeSession>[0]['run']>[0]) => number,
): FakeSession {
  return fakeSession({
    inputs,
    outputs: [info('image_features', ['features', hidden])],
    run(feeds) {
      const count = features(feeds);
      const data = new Float32Array(count * hidden).fill(1);
      return { image_features: float32([count, hidden], data) };
    },
  });
}

export interface FakeDecoderOptions {
  readonly answer: readonly number[];
  readonly extraInputs?: readonly ValueInfo[];
  /** Positions that the prefill keeps after layer 0; the graph then takes a mask. */
  readonly keep?: (mask: BigInt64Array) => number[];
  /** A mask goes with the caches after layer 0. */
  readonly masked?: boolean;
  /** Runs that fail, counted from 0. */
  readonly failing?: readonly number[];
}

/** A decoder of two layers that answers the given tokens, then ends. */
export function fakeDecoder(options: FakeDecoderOptions): FakeSession {
  const { answer, extraInputs = [], keep, masked = false, failing = [] } = options;
  const layers = 2;
  const caches = cacheNames('past_key_values', layers).map((name) =>
    info(name, ['batch', 'heads', 'past', 'size']),
  );
  let runs = 0;
  return fakeSession({
    inputs: [
      info('inputs_embeds', ['batch', 'tokens', hidden]),
      info('attention_mask', ['batch', 'total'], 'int64'),
      ...(keep ? [info('image_mask', ['batch', 'tokens'], 'int64')] : []),
      ...(masked ? [info('past_pruning.mask.0', ['batch', 'past_1'], 'int64')] : []),
      ...extraInputs,
      ...caches,
    ],
    outputs: [
      info('logits', ['batch', 'tokens', vocabulary]),
      ...cacheNames('present', layers).map((name) => info(name, ['batch', 1, 'total', 2])),
      ...(keep
        ? [info('pruning.kept.0', ['kept'], 'int64'), info('pruning.score.0', [1, 's'])]
        : []),
      ...(masked ? [info('pruning.mask.0', ['batch', 'total_1'], 'int64')] : []),
    ],
    run(feeds) {
      if (failing.includes(runs++)) throw new Error('the fake decoder fails');
      const tokens = feeds.inputs_embeds?.dims[1] ?? 0;
      const past = (layer: number) => feeds[`past_key_values.${layer}.key`]?.dims.at(-2) ?? 0;
      const step = past(0) === 0 ? 0 : stepsIn(feeds['past_key_values.0.key']);
      const mask =
        feeds.image_mask && 'data' in feeds.image_mask ? feeds.image_mask.data : undefined;
      const kept = keep && past(0) === 0 ? keep(mask as BigInt64Array) : undefined;
      const logits = new Float32Array(tokens * vocabulary);
      logits[(tokens - 1) * vocabulary + (answer[step] ?? endToken)] = 1;
      const added = [tokens, kept?.length ?? tokens];
      return {
        logits: float32([1, tokens, vocabulary], logits),
        ...Object.fromEntries(
          cacheNames('present', layers).map((name, i) => {
            const layer = Math.floor(i / 2);
            const [batch = 1, heads = 1, , size = 1] =
              feeds[`past_key_values.${layer}.key`]?.dims ?? [];
            const made = float32([batch, heads, past(layer) + (added[layer] ?? 0), size]);
            made.data.fill(step + 1);
            return [name, made];
          }),
        ),
        ...(masked && {
          'pruning.mask.0': {
            type: 'int64',
            dims: [1, past(1) + (added[1] ?? 0)],
            data: new BigInt64Array(past(1) + (added[1] ?? 0)).fill(1n),
          } as const,
        }),
        ...(kept && {
          'pruning.kept.0': {
            type: 'int64',
            dims: [kept.length],
            data: BigInt64Array.from(kept, BigInt),
          } as const,
          'pruning.score.0': float32([1, tokens]),
        }),
      };
    },
  });
}

/** How often the decoder ran; its caches are filled with it, so that conversations do not mix. */
function stepsIn(cache: unknown): number {
  const { data } = cache instanceof FakeTensor ? cache.host : (cache as HostTensor);
  return Number(data[0]);
}

/** Changes to the embedded model's JSON files; a field that is undefined is removed. */
export type FileChanges = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/**
 * The embedded model's tokenizer and configs, changed, in a folder for the running test. Graphs are
 * named as in {@link VlmFiles}, for a fake backend.
 */
export async function fakeFiles(
  changes: FileChanges = {},
  added: Readonly<Record<string, string>> = {},
): Promise<VlmFiles> {
  const folder = await temporaryFolder();
  const names = [
    'config.json',
    'generation_config.json',
    'preprocessor_config.json',
    'processor_config.json',
    'tokenizer.json',
    'tokenizer_config.json',
  ];
  for (const name of names) {
    await cp(join(modelDirectory, name), join(folder, name));
    const change = changes[name];
    if (!change) continue;
    const original: object = JSON.parse(await readFile(join(folder, name), 'utf8'));
    await writeFile(join(folder, name), JSON.stringify({ ...original, ...change }));
  }
  for (const [name, text] of Object.entries(added)) await writeFile(join(folder, name), text);
  return {
    name: folder,
    readText: (path) => readFile(join(folder, path), 'utf8').catch(() => undefined),
    graph: async (name) => ({ path: name }),
    rewrite: async (name) => ({ source: { path: name }, dispose: async () => {} }),
  };
}

/** The same files as those of a Qwen2-VL: one image of 112 x 112 pixels at most, 2 x 2 patches a token. */
export function qwenFiles(text: Readonly<Record<string, number>> = {}): Promise<VlmFiles> {
  const template =
    '{% for message in messages %}{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}{% if part.type == "image" %}<|vision_start|><|image_pad|>{% else %}{{ part.text }}{% endif %}{% endfor %}{% endif %}{% endfor %}';
  return fakeFiles({
    'config.json': {
      model_type: 'qwen2_vl',
      architectures: ['Qwen2VLForConditionalGeneration'],
      image_token_index: undefined,
      image_token_id: 73,
      vision_start_token_id: 74,
      vision_config: { spatial_merge_size: 2 },
      num_hidden_layers: 2,
      num_attention_heads: 2,
      num_key_value_heads: 1,
      hidden_size: 4,
      text_config: undefined,
      ...text,
    },
    'preprocessor_config.json': {
      image_processor_type: 'Qwen2VLImageProcessor',
      processor_class: 'Qwen2VLProcessor',
      min_pixels: 56 * 56,
      max_pixels: 112 * 112,
      patch_size: 14,
      temporal_patch_size: 2,
      merge_size: 2,
      size: undefined,
      crop_size: undefined,
    },
    'tokenizer_config.json': { chat_template: template },
    'tokenizer.json': {
      added_tokens: ['<unk>', '<s>', '</s>', '<pad>']
        .map(special)
        .concat(special('<|image_pad|>', 73), special('<|vision_start|>', 74)),
    },
  });
}

function special(content: string, id: number) {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  return { id, content, special: true, ...flags };
}

/** Of the embedded model's files, which the fake ones are made from. */
export const imageToken = 4;
export const imageTokens = 144;

/** What a LLaVA's vision encoder takes. */
export const pixels: ValueInfo = {
  name: 'pixel_values',
  type: 'float32',
  shape: ['n', 3, 'h', 'w'],
};

export interface FakeSetup {
  readonly files?: VlmFiles;
  readonly decoder?: Partial<FakeDecoderOptions>;
  readonly vision?: FakeSession;
  readonly limits?: Pick<EngineOptions, 'maxActive' | 'maxWaiting' | 'visionCacheBytes'>;
}

/** A model on fake sessions that answers the tokens 7 and 17. */
export async function loadFake({ files, decoder, vision, limits }: FakeSetup = {}) {
  const sessions = {
    vision_encoder: vision ?? fakeVision([pixels], () => imageTokens),
    embed_tokens: fakeEmbedding(),
    decoder_model_merged: fakeDecoder({ answer: [7, 17], ...decoder }),
  };
  const engine = await createEngine({
    files: files ?? (await fakeFiles()),
    backend: fakeBackend(sessions),
    ...limits,
  });
  return { engine, sessions };
}

/** A tensor's elements, which must be in memory. */
export const hostData = (tensor: unknown): number[] =>
  Array.from((tensor as HostTensor).data, Number);
