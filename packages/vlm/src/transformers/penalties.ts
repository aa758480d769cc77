/** What a model's generation configuration does to logits, by the logits processors of transformers.js. */
import { type PreTrainedModel, type PretrainedConfig, Tensor } from '@huggingface/transformers';
import type { Penalties } from '../frontend.js';
import type { ModelClass } from './model-class.js';

/** Changes logits `[1, vocabulary]` in place, or gives other ones. */
type LogitsProcessors = ((ids: readonly (readonly bigint[])[], logits: Tensor) => Tensor) & {
  readonly processors: readonly unknown[];
};

/** The part of a model that makes them; private to the library. */
interface ProcessorMaker {
  _get_logits_processor(config: object, promptTokens: number): LogitsProcessors;
}

export interface PenaltyParts {
  readonly model: ModelClass;
  readonly config: PretrainedConfig;
  readonly generationConfig: object;
  readonly endTokens: ReadonlySet<number>;
}

/** Makes the penalties of one answer, such as those on repetitions. */
export function penaltyMaker({
  model,
  config,
  generationConfig,
  endTokens,
}: PenaltyParts): (promptTokens: number, maxNewTokens: number) => Penalties | undefined {
  const instance: PreTrainedModel = new model(config, {}, { generation_config: generationConfig });
  return (promptTokens, maxNewTokens) => {
    const settings = instance._prepare_generation_config(null, {
      max_new_tokens: maxNewTokens,
      max_length: promptTokens + maxNewTokens,
      eos_token_id: [...endTokens],
      // Temperature and the like are the sampler's.
      do_sample: false,
    });
    const maker = instance as unknown as ProcessorMaker;
    const processors = maker._get_logits_processor(settings, promptTokens);
    if (processors.processors.length === 0) return undefined;
    return (ids, logits) => {
      const tensor = new Tensor('float32', logits, [1, logits.length]);
      const changed = processors([ids.map(BigInt)], tensor).data as Float32Array;
      if (changed !== logits) logits.set(changed);
    };
  };
}
