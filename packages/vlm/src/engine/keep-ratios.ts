import { checkKeepRatios as checkStages, keepRatiosInput, TransPruneError } from '@transprune/core';
import { decodeModel, readPlan } from '@transprune/onnx';
import type { ModelSource, Session } from '@transprune/session';

/** A decoder, and what it keeps of the images unless a request says otherwise. */
export type DecoderSource = ModelSource & {
  /**
   * One ratio for each prune, in (0, 1], for decoders that take them as an input. Left out, they are
   * those of the plan in the file, which can be read where the source is its bytes, not a path.
   */
  readonly keepRatios?: readonly number[];
};

/** True for decoders that were pruned with ratios to be chosen while running. */
export function takesKeepRatios({ inputs }: Pick<Session, 'inputs'>): boolean {
  return inputs.some(({ name }) => name === keepRatiosInput);
}

/**
 * What a decoder keeps unless a request says otherwise; undefined if that is not known, or not to be
 * chosen.
 *
 * @throws TransPruneError INVALID_ARGUMENT for ratios that the decoder can't take
 */
export function defaultKeepRatios(
  source: DecoderSource,
  session: Session,
): readonly number[] | undefined {
  if (source.keepRatios) return checkKeepRatios(source.keepRatios, session);
  if (!takesKeepRatios(session) || !('bytes' in source)) return undefined;
  return readPlan(decodeModel(source.bytes))?.stages.map(({ keepRatio }) => keepRatio);
}

/**
 * The ratios, if the decoder can take them.
 *
 * @throws TransPruneError INVALID_ARGUMENT that says what it takes
 */
export function checkKeepRatios(
  ratios: readonly number[],
  { inputs }: Pick<Session, 'inputs'>,
): readonly number[] {
  const input = inputs.find(({ name }) => name === keepRatiosInput);
  if (!input) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected a decoder with the input ${keepRatiosInput} to go with keepRatios, got one without; prune it with runtimeRatios, or leave keepRatios out`,
      { field: 'keepRatios' },
    );
  }
  const [stages] = input.shape;
  return checkStages(ratios, typeof stages === 'number' ? stages : undefined);
}

/**
 * What a request keeps.
 *
 * @throws TransPruneError INVALID_ARGUMENT for ratios that the decoder can't take, or if it needs some
 *   and none are known
 */
export function chooseKeepRatios(
  requested: readonly number[] | undefined,
  standard: readonly number[] | undefined,
  session: Session,
): readonly number[] | undefined {
  if (requested) return checkKeepRatios(requested, session);
  if (!takesKeepRatios(session) || standard) return standard;
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    'this decoder takes its keep ratios as an input, and its plan cannot be read from here; pass keepRatios with the request, or beside the path as { path, keepRatios }',
    { field: 'keepRatios' },
  );
}
