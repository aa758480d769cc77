/** What a stream of `POST /v1/responses` consists of. */
import { z } from 'zod';
import { outputMessage, outputPart, responseReply } from './responses.js';

const sequence_number = z.int();
const inItem = { sequence_number, item_id: z.string(), output_index: z.literal(0) };
const inPart = { ...inItem, content_index: z.literal(0) };
const noLogprobs = z.array(z.never());

const whole = (type: string) =>
  z.object({ type: z.literal(type), sequence_number, response: responseReply });
const itemIs = (type: string) =>
  z.object({
    type: z.literal(type),
    sequence_number,
    output_index: z.literal(0),
    item: outputMessage,
  });
const partIs = (type: string) => z.object({ type: z.literal(type), ...inPart, part: outputPart });

export const responseEvent = z.discriminatedUnion('type', [
  whole('response.created'),
  whole('response.in_progress'),
  itemIs('response.output_item.added'),
  partIs('response.content_part.added'),
  z.object({
    type: z.literal('response.output_text.delta'),
    ...inPart,
    delta: z.string(),
    logprobs: noLogprobs,
  }),
  z.object({
    type: z.literal('response.output_text.done'),
    ...inPart,
    text: z.string(),
    logprobs: noLogprobs,
  }),
  partIs('response.content_part.done'),
  itemIs('response.output_item.done'),
  whole('response.completed'),
  whole('response.incomplete'),
  whole('response.failed'),
]);
