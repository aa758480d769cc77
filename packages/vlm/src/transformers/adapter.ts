import type { Tensor } from '@huggingface/transformers';
import { type HostTensor, type Session, takeAll } from '@transprune/session';
import { fromTransformers, type InnerTensor, toTransformers } from './tensors.js';

/** What transformers.js expects of a session. */
export interface TransformersSession {
  readonly inputNames: readonly string[];
  readonly inputMetadata: readonly Metadata[];
  run(feeds: Readonly<Record<string, InnerTensor>>): Promise<Record<string, Tensor>>;
}

interface Metadata {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly (number | string)[];
  readonly isTensor: true;
}

export type HostTensors = Readonly<Record<string, HostTensor>>;

/**
 * Shows a session of any backend to transformers.js as one of its own.
 *
 * @param onRun is told what went in and out, and how long it took
 */
export function adaptSession(
  session: Session,
  onRun: (feeds: HostTensors, outputs: HostTensors, ms: number) => void = () => {},
): TransformersSession {
  return {
    inputNames: session.inputs.map(({ name }) => name),
    inputMetadata: session.inputs.map((info) => ({ ...info, isTensor: true })),
    async run(given) {
      const feeds = fromAll(given);
      const before = performance.now();
      const results = await session.run(feeds);
      // A graphics card has done its work when the results are here.
      const outputs = await takeAll(results);
      const ms = performance.now() - before;
      onRun(feeds, outputs, ms);
      return Object.fromEntries(
        Object.entries(outputs).map(([name, tensor]) => [name, toTransformers(tensor)]),
      );
    },
  };
}

/** Stands in place of a session: takes what it is fed, and answers nothing. */
export function capturingSession(
  inputNames: readonly string[],
  capture: (feeds: HostTensors) => void,
): TransformersSession {
  return {
    inputNames,
    inputMetadata: [],
    async run(given) {
      capture(fromAll(given));
      return {};
    },
  };
}

function fromAll(given: Readonly<Record<string, InnerTensor>>): HostTensors {
  return Object.fromEntries(
    Object.entries(given).map(([name, tensor]) => [name, fromTransformers(tensor)]),
  );
}
