/** `POST /v1/responses`: what of Open Responses a server without tools and without state can do. */
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

const inputText = z.strictObject({ type: z.literal('input_text'), text: z.string() });

const inputImage = z.strictObject({
  type: z.literal('input_image'),
  image_url: z
    .string()
    .min(1)
    .meta({ description: 'A data URL, or an address on an allowed host.' }),
  detail: detail.nullish(),
});

/** What an earlier answer said, as it was given out. */
const outputText = z.strictObject({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z.array(z.unknown()).max(0).optional(),
  logprobs: z.array(z.unknown()).max(0).optional(),
});

const part = z.discriminatedUnion('type', [inputText, inputImage, outputText]);

const item = z.strictObject({
  type: z.literal('message').optional(),
  id: z.string().nullish(),
  status: z.enum(['in_progress', 'completed', 'incomplete']).nullish(),
  role: z.enum(['user', 'system', 'developer', 'assistant']),
  content: z.union([z.string(), z.array(part).min(1).max(maxItems)]),
});

export const responseRequest = z.strictObject({
  model: z.string().min(1),
  input: z.union([z.string(), z.array(item).min(1).max(maxItems)]),
  instructions: z.string().optional(),
  stream: z.boolean().optional(),
  stream_options: z.strictObject({ include_obfuscation: z.boolean().optional() }).optional(),
  max_output_tokens: z.int().min(1).optional(),
  ...sampling,
  stop: stopTexts.optional(),
  user: z.string().optional(),
  metadata: metadata.optional(),
  pruning: pruning.optional(),
});

export type ResponseRequest = z.infer<typeof responseRequest>;
export type ResponseItem = z.infer<typeof item>;

const status = z.enum(['in_progress', 'completed', 'incomplete', 'failed']);

export const outputPart = z.object({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z.array(z.never()),
  logprobs: z.array(z.never()),
});

export const outputMessage = z.object({
  type: z.literal('message'),
  id: z.string(),
  status: status.exclude(['failed']),
  role: z.literal('assistant'),
  content: z.array(outputPart),
});

export type OutputMessage = z.infer<typeof outputMessage>;

export const responseUsage = z.object({
  input_tokens: z.int(),
  input_tokens_details: z.object({ cached_tokens: z.int() }),
  output_tokens: z.int(),
  output_tokens_details: z.object({ reasoning_tokens: z.int() }),
  total_tokens: z.int(),
});

export const responseReply = z.object({
  id: z.string(),
  object: z.literal('response'),
  created_at: z.int(),
  completed_at: z.int().nullable(),
  status,
  incomplete_details: z.object({ reason: z.literal('max_output_tokens') }).nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  model: z.string(),
  previous_response_id: z.null(),
  instructions: z.string().nullable(),
  output: z.array(outputMessage),
  tools: z.array(z.never()),
  tool_choice: z.literal('none'),
  truncation: z.literal('disabled'),
  parallel_tool_calls: z.literal(false),
  text: z.object({ format: z.object({ type: z.literal('text') }) }),
  top_p: z.number(),
  presence_penalty: z.literal(0),
  frequency_penalty: z.literal(0),
  top_logprobs: z.literal(0),
  temperature: z.number(),
  reasoning: z.null(),
  usage: responseUsage.nullable(),
  max_output_tokens: z.int().nullable(),
  max_tool_calls: z.null(),
  store: z.literal(false),
  background: z.literal(false),
  service_tier: z.literal('default'),
  metadata,
  safety_identifier: z.null(),
  prompt_cache_key: z.null(),
  pruning: pruningReport.optional(),
  metrics: timings.optional(),
});

export type ResponseReply = z.infer<typeof responseReply>;
