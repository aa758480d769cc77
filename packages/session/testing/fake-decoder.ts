/** A decoder in plain code that counts what it gives out: its caches hold the embeddings' first feature. */
import type { HostTensor, Session, SessionTensor, ValueInfo } from '../src/backend.js';
import { hostTensor, numbersOf } from '../src/decoder/tensors.js';

export type Feeds = Parameters<Session['run']>[0];

export interface FakeDecoder extends Session {
  readonly runs: { readonly feeds: Feeds; readonly fetch: readonly string[] | undefined }[];
  /** Tensors that were given out and not disposed yet. */
  readonly alive: Set<SessionTensor>;
  /** The next run fails. */
  fail(): void;
}

const info = (
  name: string,
  shape: ValueInfo['shape'],
  type: ValueInfo['type'] = 'float32',
): ValueInfo => ({ name, type, shape });

export const standardInputs: readonly ValueInfo[] = [
  info('inputs_embeds', ['batch_size', 'tokens', 2]),
  info('attention_mask', ['batch_size', 'total'], 'int64'),
  info('position_ids', ['batch_size', 'tokens'], 'int64'),
  info('past_key_values.0.key', ['batch_size', 1, 'past', 2]),
  info('past_key_values.0.value', ['batch_size', 1, 'past', 2]),
];

/** @param extra inputs besides a one-layer decoder's; each cache among them gets its output */
export function fakeDecoder(extra: readonly ValueInfo[] = []): FakeDecoder {
  const inputs = [...standardInputs, ...extra];
  const presentOf = (name: string) =>
    name
      .replace(/^past_key_values/, 'present')
      .replace(/^past_/, name.includes('pruning') ? '' : 'present_');
  const states = inputs.filter(({ name }) => name.startsWith('past_'));
  const runs: FakeDecoder['runs'] = [];
  const alive = new Set<SessionTensor>();
  let fails = false;
  return {
    inputs,
    outputs: [
      info('logits', []),
      ...states.map(({ name, shape, type }) => info(presentOf(name), shape, type)),
    ],
    device: 'fake',
    runs,
    alive,
    fail() {
      fails = true;
    },
    async run(feeds, fetch) {
      runs.push({ feeds: noted(feeds), fetch });
      if (fails) {
        fails = false;
        throw new Error('the fake decoder fails');
      }
      const results = states.map(({ name, type }): [string, HostTensor] => [
        presentOf(name),
        grown(
          feeds[name] as HostTensor | SessionTensor,
          feeds.inputs_embeds as HostTensor,
          name,
          type,
        ),
      ]);
      results.push(['logits', hostTensor('float32', [runs.length], [1, 1, 1])]);
      return Object.fromEntries(
        results
          .filter(([name]) => fetch?.includes(name) ?? true)
          .map(([name, host]) => {
            const tensor: SessionTensor & { host: HostTensor } = {
              host,
              type: host.type,
              dims: host.dims,
              download: async () => host,
              dispose: () => {
                if (!alive.delete(tensor)) throw new Error(`${name} is disposed twice`);
              },
            };
            alive.add(tensor);
            return [name, tensor];
          }),
      );
    },
    async dispose() {},
  };
}

/** Feeds as they were; what was put together for a run is freed after it. */
function noted(feeds: Feeds) {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, tensor]) => [
      name,
      tensor && 'data' in tensor ? structuredClone(tensor) : tensor,
    ]),
  );
}

/** A cache with the new tokens; a mask with ones; a length with their number; a state as it was, plus one. */
function grown(
  past: HostTensor | SessionTensor,
  embeddings: HostTensor,
  name: string,
  type: ValueInfo['type'],
): HostTensor {
  const host = 'data' in past ? past : (past as SessionTensor & { host: HostTensor }).host;
  const [batch = 1, tokens = 1] = embeddings.dims;
  const old = numbersOf(host).data;
  if (!name.startsWith('past_key') && !name.startsWith('past_pruning')) {
    return hostTensor(
      type,
      old.map((x) => x + 1),
      host.dims,
    );
  }
  if (host.dims.length === 1) return hostTensor(type, [Number(old[0]) + tokens], [1]);
  const axis = name.startsWith('past_key') ? 2 : 1;
  const size = axis === 2 ? 2 : 1;
  const length = host.dims[axis] ?? 0;
  const values = Array.from({ length: batch }, (_, row) => [
    ...old.slice(row * length * size, (row + 1) * length * size),
    ...Array.from({ length: tokens * size }, (_, i) =>
      axis === 1 ? 1 : Number(embeddings.data[(row * tokens + Math.floor(i / size)) * 2] ?? 0),
    ),
  ]).flat();
  const dims = [...host.dims];
  dims[axis] = length + tokens;
  return hostTensor(type, values, dims);
}
