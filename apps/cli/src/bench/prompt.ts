/** What a decoder is fed: a prompt of random embeddings, the image first, and single tokens behind it. */
import { imageMaskInput, uniformNoise } from '@transprune/core';
import type { HostTensor, Session, SessionTensor, ValueInfo } from '@transprune/session';

export interface PromptSizes {
  readonly imageTokens: number;
  readonly textTokens: number;
  readonly hiddenSize: number;
  /** Of the caches. */
  readonly kvHeads: number;
  readonly headDim: number;
}

export type Feeds = Record<string, HostTensor | SessionTensor>;

const seed = 2;

/** The whole prompt, with empty caches. */
export function prefillFeeds({ inputs }: Session, sizes: PromptSizes): Feeds {
  const tokens = sizes.imageTokens + sizes.textTokens;
  const feeds = tokenFeeds(inputs, sizes, tokens, 0);
  for (const { name, type } of inputs) {
    if (!name.startsWith('past_key_values.')) continue;
    const dims = [1, sizes.kvHeads, 0, sizes.headDim];
    const data = type === 'float16' ? new Uint16Array(0) : new Float32Array(0);
    feeds[name] = { type, dims, data };
  }
  return feeds;
}

/**
 * One token behind a sequence.
 *
 * @param outputs what the previous run gave
 * @param past tokens that layer 1 has seen
 */
export function decodeFeeds(
  { inputs }: Session,
  sizes: PromptSizes,
  outputs: Readonly<Record<string, SessionTensor>>,
  past: number,
): Feeds {
  const feeds = tokenFeeds(inputs, sizes, 1, past);
  for (const { name } of inputs) {
    const cache = outputs[name.replace('past_key_values.', 'present.')];
    if (cache && name.startsWith('past_key_values.')) feeds[name] = cache;
  }
  return feeds;
}

/** Everything but the caches; only what the session takes. */
function tokenFeeds(
  inputs: Session['inputs'],
  { hiddenSize, imageTokens }: PromptSizes,
  tokens: number,
  past: number,
): Feeds {
  const integers = (length: number, at: (i: number) => number): HostTensor => ({
    type: 'int64',
    dims: [1, length],
    data: BigInt64Array.from({ length }, (_, i) => BigInt(at(i))),
  });
  const noise = uniformNoise(seed + past, tokens * hiddenSize);
  const make: Readonly<Record<string, (info: ValueInfo) => HostTensor>> = {
    inputs_embeds: () => ({
      type: 'float32',
      dims: [1, tokens, hiddenSize],
      data: noise.map((u) => 2 * u - 1),
    }),
    attention_mask: () => integers(past + tokens, () => 1),
    // Three rows, for time, height and width, hold the same.
    position_ids: ({ shape }) => {
      const rows = shape.length === 3 ? 3 : 1;
      const { type, data } = integers(rows * tokens, (i) => past + (i % tokens));
      return { type, dims: rows === 3 ? [3, 1, tokens] : [1, tokens], data };
    },
    num_logits_to_keep: ({ type, shape }) => ({
      type,
      dims: shape.map(() => 1),
      data: type === 'int32' ? Int32Array.of(1) : BigInt64Array.of(1n),
    }),
    use_cache_branch: () => ({ type: 'bool', dims: [1], data: Uint8Array.of(past > 0 ? 1 : 0) }),
    [imageMaskInput]: () => integers(tokens, (i) => (past === 0 && i < imageTokens ? 1 : 0)),
  };
  return Object.fromEntries(
    inputs.flatMap((info) => {
      const tensor = make[info.name]?.(info);
      return tensor ? [[info.name, tensor]] : [];
    }),
  );
}
