/** `POST /v1/chat/completions`. */
import { z } from 'zod';
import {
  detail,
  maxItems,
  metadata,
  pruning,
  pruningReport,
  sampling,
  stopTexts,
  timings,
} from './common.js';

const textPart = z.strictObject({ type: z.literal('text'), text: z.string() });

const imagePart = z.strictObject({
  type: z.literal('image_url'),
  image_url: z.strictObject({
    url: z.string().min(1).meta({ description: 'A data URL, or an address on an allowed host.' }),
    detail: detail.optional(),
  }),
});

const texts = z.union([z.string(), z.array(textPart).min(1).max(maxItems)]);
const parts = z
  .array(z.discriminatedUnion('type', [textPart, imagePart]))
  .min(1)
  .max(maxItems);
const name = z.string().max(256).optional();

const message = z.discriminatedUnion('role', [
  z.strictObject({ role: z.enum(['system', 'developer']), content: texts, name }),
  z.strictObject({ role: z.literal('user'), content: z.union([z.string(), parts]), name }),
  z.strictObject({
    role: z.literal('assistant'),
    content: texts,
    name,
    refusal: z.null().optional(),
  }),
]);

export const chatRequest = z.strictObject({
  model: z.string().min(1),
  messages: z.array(message).min(1).max(maxItems),
  stream: z.boolean().optional(),
  stream_options: z
    .strictObject({
      include_usage: z.boolean().optional(),
      include_obfuscation: z.boolean().optional(),
    })
    .optional(),
  stop: stopTexts.optional(),
  max_completion_tokens: z.int().min(1).optional(),
  max_tokens: z.int().min(1).optional(),
  ...sampling,
  n: z.literal(1).optional(),
  user: z.string().optional(),
  metadata: metadata.optional(),
  pruning: pruning.optional(),
});

export type ChatRequest = z.infer<typeof chatRequest>;
export type ChatMessage = z.infer<typeof message>;

const finishReason = z.enum(['stop', 'length']);

export const chatUsage = z.object({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
});

const envelope = {
  id: z.string(),
  created: z.int(),
  model: z.string(),
  pruning: pruningReport.optional(),
  metrics: timings.optional(),
};

export const chatReply = z.object({
  ...envelope,
  object: z.literal('chat.completion'),
  choices: z.array(
    z.object({
      index: z.literal(0),
      message: z.object({
        role: z.literal('assistant'),
        content: z.string(),
        refusal: z.null(),
      }),
      logprobs: z.null(),
      finish_reason: finishReason,
    }),
  ),
  usage: chatUsage,
});

export type ChatReply = z.infer<typeof chatReply>;

export const chatChunk = z.object({
  ...envelope,
  object: z.literal('chat.completion.chunk'),
  choices: z.array(
    z.object({
      index: z.literal(0),
      delta: z.object({ role: z.literal('assistant').optional(), content: z.string().optional() }),
      logprobs: z.null(),
      finish_reason: finishReason.nullable(),
    }),
  ),
  usage: chatUsage.nullable().optional(),
});

export type ChatChunk = z.infer<typeof chatChunk>;
