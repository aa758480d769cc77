/** Notes what the graphs of a model are fed and answer while an engine runs them. */
import { ports } from '@transprune/core';
import type { GraphName } from '@transprune/files';
import {
  type Backend,
  decoderPorts,
  type HostTensor,
  type Session,
  type SessionTensor,
} from '@transprune/session';

type Sizes = Readonly<Record<string, readonly number[]>>;
type HostTensors = Readonly<Record<string, HostTensor>>;
type Tensors = Readonly<Record<string, HostTensor | SessionTensor>>;

/** One run of one graph. Of the decoder's caches there are the sizes alone, for those of large models are large. */
export interface RecordedRun {
  readonly graph: GraphName;
  readonly inputs: HostTensors;
  /** Of the decoder the logits alone. */
  readonly outputs: HostTensors;
  /** Of the caches that went in and came out. */
  readonly cachesIn: Sizes;
  readonly cachesOut: Sizes;
}

/** What a graph takes and gives. */
export type Interface = Pick<Session, 'inputs' | 'outputs'>;

/** What an engine did with its graphs. */
export interface Recording {
  readonly backend: Backend;
  /** Of each graph that was opened, as ONNX Runtime reads it. */
  readonly interfaces: ReadonlyMap<GraphName, Interface>;
  /** In their order. */
  readonly runs: readonly RecordedRun[];
}

/**
 * A backend that notes what is done with it.
 *
 * @param graphs which graph lies at a path
 */
export function recording(inner: Backend, graphs: ReadonlyMap<string, GraphName>): Recording {
  const interfaces = new Map<GraphName, Interface>();
  const runs: RecordedRun[] = [];
  const backend: Backend = {
    ...inner,
    async open(source, options) {
      const session = await inner.open(source, options);
      const graph = 'path' in source ? graphs.get(source.path) : undefined;
      if ('unavailable' in session || !graph) return session;
      interfaces.set(graph, session);
      return recordingSession(session, graph, (run) => runs.push(run));
    },
  };
  return { backend, interfaces, runs };
}

function recordingSession(
  session: Session,
  graph: GraphName,
  onRun: (run: RecordedRun) => void,
): Session {
  const isDecoder = graph === 'decoder_model_merged';
  const state = isDecoder ? decoderPorts(session).state : [];
  const cachesIn = new Set(state.map(({ input }) => input));
  const cachesOut = new Set(state.map(({ output }) => output));
  return {
    ...session,
    async run(feeds, fetch) {
      const inputs = await contents(feeds, (name) => !cachesIn.has(name));
      const outputs = await session.run(feeds, fetch);
      onRun({
        graph,
        inputs,
        outputs: await contents(outputs, (name) => !isDecoder || name === ports.logits),
        cachesIn: sizes(feeds, cachesIn),
        cachesOut: sizes(outputs, cachesOut),
      });
      return outputs;
    },
  };
}

/** Copies, for a feed's memory may be used again. */
async function contents(tensors: Tensors, isWanted: (name: string) => boolean) {
  const wanted = Object.entries(tensors).filter(([name]) => isWanted(name));
  const found = wanted.map(async ([name, tensor]) => {
    const host = 'data' in tensor ? tensor : await tensor.download();
    return [name, { ...host, data: host.data.slice() } as HostTensor] as const;
  });
  return Object.fromEntries(await Promise.all(found));
}

function sizes(tensors: Tensors, names: ReadonlySet<string>): Sizes {
  const chosen = Object.entries(tensors).filter(([name]) => names.has(name));
  return Object.fromEntries(chosen.map(([name, { dims }]) => [name, dims]));
}
