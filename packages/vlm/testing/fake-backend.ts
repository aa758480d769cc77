/** Sessions in plain code: what the engine feeds them can be looked at. */
import { elementCount } from '@transprune/core';
import type {
  Backend,
  HostTensor,
  ModelSource,
  Session,
  SessionTensor,
  ValueInfo,
} from '@transprune/session';

export type Feeds = Readonly<Record<string, HostTensor | SessionTensor>>;

export interface FakeSession extends Session {
  /** The feeds and fetches of all runs so far. */
  readonly runs: { readonly feeds: Feeds; readonly fetch: readonly string[] | undefined }[];
  /** All tensors that it gave out, in order. */
  readonly given: readonly FakeTensor[];
  readonly disposals: number;
}

export interface FakeGraph {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  run(feeds: Feeds): Readonly<Record<string, HostTensor>>;
}

export const float32 = (dims: readonly number[], data?: Float32Array): HostTensor<'float32'> => ({
  type: 'float32',
  dims,
  data: data ?? new Float32Array(elementCount(dims)),
});

/** A session that keeps what it is fed; tensors it gives out count their downloads and disposals. */
export function fakeSession({ inputs, outputs, run }: FakeGraph): FakeSession {
  const runs: FakeSession['runs'] = [];
  const given: FakeTensor[] = [];
  let disposals = 0;
  return {
    inputs,
    outputs,
    device: 'fake',
    runs,
    given,
    get disposals() {
      return disposals;
    },
    async run(feeds, fetch) {
      runs.push({ feeds, fetch });
      const results = Object.entries(run(feeds)).filter(([name]) => fetch?.includes(name) ?? true);
      const tensors = results.map(([name, tensor]) => [name, new FakeTensor(tensor)] as const);
      given.push(...tensors.map(([, tensor]) => tensor));
      return Object.fromEntries(tensors);
    },
    async dispose() {
      disposals++;
    },
  };
}

/** A tensor as if it were on a device. */
export class FakeTensor implements SessionTensor {
  readonly type: HostTensor['type'];
  readonly dims: readonly number[];
  downloads = 0;
  disposals = 0;
  readonly host: HostTensor;

  constructor(host: HostTensor) {
    this.type = host.type;
    this.dims = host.dims;
    this.host = host;
  }

  async download(): Promise<HostTensor> {
    this.downloads++;
    return this.host;
  }

  dispose(): void {
    this.disposals++;
  }
}

/** A backend that opens the sessions it is given, by the name in their source's path. */
export function fakeBackend(sessions: Readonly<Record<string, Session>>): Backend {
  return {
    name: 'fake',
    devices: ['fake'],
    async open(model: ModelSource, { device }) {
      if (device !== 'fake' && device !== 'auto') return { unavailable: 'it is made up' };
      const session = 'path' in model ? sessions[model.path] : undefined;
      return session ?? { unavailable: 'there is no such session' };
    },
  };
}
