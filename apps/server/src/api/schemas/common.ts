/** What several endpoints take or give. */
import { z } from 'zod';

/** Longest list of messages, and of parts in one. */
export const maxItems = 512;

export const detail = z.enum(['low', 'high', 'auto']).meta({
  description:
    'How many image tokens are kept: `low` as few as the preset transprune-low, `high` as many as transprune-high, `auto` as the server chooses. The most generous image decides for the request; `pruning` goes before it.',
});

/** Of a preset or a method; what is longer is none, and would be said again in the error. */
const name = z.string().max(100);

export const pruning = z
  .strictObject({
    preset: name.optional(),
    keepRatios: z.array(z.number().gt(0).lte(1)).max(64).optional(),
    method: name.optional(),
    trace: z.boolean().optional(),
  })
  .refine(({ preset, keepRatios }) => preset === undefined || keepRatios === undefined, {
    message: 'expected a preset or keepRatios, got both',
  })
  .meta({
    description:
      'What is kept of the images: a preset, or the ratio that each prune keeps. `method` must be the one that the model was loaded with. With `trace` the reply says which image tokens were kept.',
  });

export type PruningRequest = z.infer<typeof pruning>;

export const sampling = {
  temperature: z.number().min(0).max(2).optional(),
  top_p: z.number().gt(0).lte(1).optional(),
  seed: z.int().optional(),
};

export const stopTexts = z.union([
  z.string().min(1).max(256),
  z.array(z.string().min(1).max(256)).min(1).max(4),
]);

/** How many image tokens there were, and what each prune left. */
export const pruningReport = z.object({
  method: z.string(),
  preset: z.string().nullable(),
  stages: z.array(z.object({ after_layer: z.int(), keep_ratio: z.number() })),
  image_tokens: z.object({ in: z.int(), kept: z.array(z.int()) }),
  vision_cached: z.boolean(),
  trace: z.array(z.object({ stage: z.int(), kept_image_tokens: z.array(z.int()) })).optional(),
});

/** Milliseconds, named as vLLM names them; vision and prefill apart. */
export const timings = z.object({
  time_to_first_token_ms: z.number(),
  generation_time_ms: z.number(),
  queue_time_ms: z.number(),
  mean_itl_ms: z.number(),
  tokens_per_second: z.number(),
  vision_time_ms: z.number(),
  prefill_time_ms: z.number(),
});

/** As OpenAI bounds it. A schema of records would note each of a million wrong ones. */
export const metadata = z
  .custom<Readonly<Record<string, string>>>(
    isMetadata,
    'expected at most 16 names of up to 64 characters, with texts of up to 512',
  )
  .meta({
    type: 'object',
    maxProperties: 16,
    additionalProperties: { type: 'string', maxLength: 512 },
  });

function isMetadata(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const entries = Object.entries(value);
  return (
    entries.length <= 16 &&
    entries.every(
      ([name, text]) => name.length <= 64 && typeof text === 'string' && text.length <= 512,
    )
  );
}

export const errorBody = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable(),
    code: z.string().nullable(),
  }),
});
