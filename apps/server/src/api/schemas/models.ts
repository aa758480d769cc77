import { z } from 'zod';

export const model = z.object({
  id: z.string(),
  object: z.literal('model'),
  created: z.int(),
  owned_by: z.string(),
  architecture: z.object({ model_type: z.string(), layers: z.int() }),
  device: z.string(),
  input_modalities: z.array(z.enum(['text', 'image'])),
  output_modalities: z.array(z.literal('text')),
  max_prompt_tokens: z.int(),
  max_completion_tokens: z.int(),
  batched_decoding: z.boolean(),
  pruning: z.object({
    preset: z.string().nullable(),
    presets: z.record(z.string(), z.array(z.number())),
    plan: z.looseObject({
      method: z.string(),
      stages: z.array(z.object({ afterLayer: z.int(), keepRatio: z.number() })),
    }),
  }),
});

export const modelList = z.object({ object: z.literal('list'), data: z.array(model) });
