import * as transformers from '@huggingface/transformers';
import { TransPruneError } from '@transprune/core';
import type { TransformersSession } from './adapter.js';
import type { VlmConfig } from './config.js';

type ModelConstructor = new (
  config: transformers.PretrainedConfig,
  sessions: Readonly<Record<string, TransformersSession>>,
  configs: Readonly<Record<string, object>>,
) => transformers.PreTrainedModel;

/**
 * Makes the transformers.js model of a config on given sessions; it merges image features into the
 * prompt, builds positions and runs the generation loop.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL if transformers.js has no such image-text model
 */
export function createModel(
  config: transformers.PretrainedConfig & VlmConfig,
  sessions: Readonly<Record<string, TransformersSession>>,
  generationConfig: object,
): transformers.PreTrainedModel {
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
      `expected a decoder-only image-text model, one of ${[...known.keys()].join(', ')}; got model_type ${config.model_type}`,
      { modelType: config.model_type },
    );
  }
  return new (found as ModelConstructor)(config, sessions, {
    generation_config: generationConfig,
  });
}
