/** A vision encoder whose image tokens are reduced before anybody sees them. */
import {
  arrayAlgebra as algebra,
  type NDArray,
  ndarray,
  type Reduction,
  reduceTokens,
  reductionMethod,
  TransPruneError,
} from '@transprune/core';
import type { VlmFiles } from '@transprune/files';
import { measureEncoder } from '@transprune/onnx';
import {
  type HostTensor,
  hostTensor,
  type ModelSource,
  numbersOf,
  type Session,
  takeAll,
} from '@transprune/session';

/** Where an encoder is opened from, with what a reduction goes by among its outputs. */
export interface MeasuredEncoder {
  readonly source: ModelSource;
  /** Names of those outputs. */
  readonly measures: readonly string[];
  /** To be called when its session is closed. */
  dispose(): Promise<void>;
}

/**
 * The encoder of a model, as a reduction needs it.
 *
 * @throws TransPruneError INVALID_ARGUMENT for a reduction that is none, UNSUPPORTED_MODEL if the encoder does not tell
 *   what it goes by, NOT_FOUND for a missing file
 */
export async function measuredEncoder(
  files: VlmFiles,
  reduction: Reduction,
): Promise<MeasuredEncoder> {
  const method = reductionMethod(reduction);
  if (method.needs.length === 0) {
    return { source: await files.graph('vision_encoder'), measures: [], async dispose() {} };
  }
  let measures: readonly string[] = [];
  const rewritten = await files.rewrite('vision_encoder', (model) => {
    const measured = measureEncoder(model, method);
    measures = measured.report.outputs;
    return measured.model;
  });
  return { ...rewritten, measures };
}

/**
 * A session that gives out fewer image tokens of each picture than the encoder makes.
 *
 * @param measures names of the outputs that the reduction goes by
 */
export function reducedSession(
  session: Session,
  reduction: Reduction,
  measures: readonly string[],
): Session {
  const outputs = session.outputs.filter(({ name }) => !measures.includes(name));
  return {
    ...session,
    outputs,
    async run(feeds) {
      const given = await takeAll(await session.run(feeds));
      const [name = ''] = outputs.map((output) => output.name);
      const features = given[name];
      if (!features) throw new Error('expected a vision encoder that gives features');
      const reduced = reduceImages(
        reduction,
        features,
        measures.flatMap((each) => given[each] ?? []),
      );
      return { [name]: { ...reduced, download: async () => reduced, dispose() {} } };
    },
  };
}

/** @param features `[images, tokens, hidden]` */
function reduceImages(
  reduction: Reduction,
  features: HostTensor,
  measures: readonly HostTensor[],
): HostTensor {
  const { type, dims } = features;
  if (dims.length !== 3) {
    throw new TransPruneError(
      'UNSUPPORTED_MODEL',
      `expected image features of pictures of one size, [images, tokens, hidden], to reduce them, got [${dims.join(', ')}]; leave the reduction out`,
      { field: 'reduction', dims },
    );
  }
  const [images = 0] = dims;
  const numbers = [features, ...measures].map(numbersOf);
  const reduced = Array.from({ length: images }, (_, image) => {
    const [own = ndarray([], [0, 0]), ...others] = numbers.map((each) => ofImage(each, image));
    return reduceTokens(reduction, own, others);
  });
  const joined = algebra.concat(reduced, 0);
  const [tokens = 0, hidden = 0] = reduced[0]?.shape ?? [];
  return hostTensor(type, joined.data, [images, tokens, hidden]);
}

/** One image's part, without the first axis. */
function ofImage(array: NDArray, image: number): NDArray {
  const { data } = algebra.slice(array, 0, image, image + 1);
  return { shape: array.shape.slice(1), data };
}
