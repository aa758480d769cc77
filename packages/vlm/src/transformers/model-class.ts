import * as transformers from '@huggingface/transformers';
import { TransPruneError } from '@transprune/core';
import type { TransformersSession } from './adapter.js';
import type { VlmConfig } from './config.js';

/** A model of transformers.js that runs on the sessions it is given. */
export type ModelClass = new (
  config: transformers.PretrainedConfig,
  sessions: Readonly<Record<string, TransformersSession>>,
  configs: { readonly generation_config: object },
) => transformers.PreTrainedModel;

/**
 * The transformers.js class of a model: it merges image features into the prompt and counts positions.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL if transformers.js has no such decoder-only model
 */
export function modelClass(config: VlmConfig): ModelClass {
  const known = new Map(
    transformers.AutoModelForImageTextToText.MODEL_CLASS_MAPPINGS.flatMap((mapping) => [
      ...mapping,
    ]),
  );
  const className = known.get(config.model_type);
  const found = className && (transformers as unknown as Record<string, unknown>)[className];
  if (typeof found !== 'function' || config.is_encoder_decoder) {
    throw new TransPruneError(
      'UNSUPPORTED_MODEL',
      `expected the config of a decoder-only image-text model, with a model_type of ${[...known.keys()].join(', ')}; got ${config.model_type ?? 'none'}`,
      { modelType: config.model_type },
    );
  }
  return found as ModelClass;
}

let quietCalls = 0;
let levelBefore = transformers.env.logLevel;

/**
 * Keeps transformers.js from printing a failed run's inputs, tensors and all, to the console; the
 * error itself passes through.
 */
export async function quietly<Result>(call: () => Promise<Result>): Promise<Result> {
  if (quietCalls++ === 0) {
    levelBefore = transformers.env.logLevel;
    transformers.env.logLevel = transformers.LogLevel.NONE;
  }
  try {
    return await call();
  } finally {
    if (--quietCalls === 0) transformers.env.logLevel = levelBefore;
  }
}
