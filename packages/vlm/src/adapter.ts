import type { Tensor } from '@huggingface/transformers';
import type { HostTensor, Session, SessionTensor, ValueInfo } from '@transprune/session';
import { takeElements } from '@transprune/session';
import { fromTransformers, type InnerTensor, toOpaque, toTransformers } from './tensors.js';

/** What transformers.js expects of a session. */
export interface TransformersSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputMetadata: readonly Metadata[];
  readonly outputMetadata: readonly Metadata[];
  readonly config: { readonly device: string };
  run(feeds: Readonly<Record<string, InnerTensor>>): Promise<Record<string, Tensor>>;
  release(): Promise<void>;
}

interface Metadata extends ValueInfo {
  readonly isTensor: true;
}

export type Feeds = Readonly<Record<string, HostTensor | SessionTensor>>;
export type Outputs = Record<string, SessionTensor>;

export interface AdapterOptions {
  /** Inputs that transformers.js shall see and feed; all of the session's if left out. */
  readonly inputs?: readonly ValueInfo[];
  /** What happens on a run, instead of running the session as it is. */
  readonly run?: (feeds: Feeds) => Promise<Outputs>;
  /** Outputs whose elements transformers.js never reads; they stay where they are. */
  readonly opaque?: (output: string) => boolean;
}

/**
 * Shows a session of any backend to transformers.js as one of its own. Releasing it does nothing:
 * whoever opened the session disposes it.
 */
export function adaptSession(session: Session, options: AdapterOptions = {}): TransformersSession {
  const { inputs = session.inputs, run = (feeds) => session.run(feeds) } = options;
  const opaque = options.opaque ?? (() => false);
  const metadata = (info: ValueInfo): Metadata => ({ ...info, isTensor: true });
  return {
    inputNames: inputs.map(({ name }) => name),
    outputNames: session.outputs.map(({ name }) => name),
    inputMetadata: inputs.map(metadata),
    outputMetadata: session.outputs.map(metadata),
    config: { device: session.device },
    async run(feeds) {
      const outputs = await run(
        Object.fromEntries(
          Object.entries(feeds).map(([name, tensor]) => [name, fromTransformers(tensor)]),
        ),
      );
      const handedOver: Record<string, Tensor> = {};
      for (const [name, tensor] of Object.entries(outputs)) {
        handedOver[name] = opaque(name)
          ? toOpaque(tensor)
          : toTransformers(await takeElements(tensor));
      }
      return handedOver;
    },
    async release() {},
  };
}
