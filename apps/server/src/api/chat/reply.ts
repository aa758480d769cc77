/** Answers as chat completions, at once or as a stream of chunks. */
import type { z } from 'zod';
import type { AnswerEnd, AnswerPart } from '../answer.js';
import { metricsOf, pruningOf } from '../report.js';
import type { ChatChunk, ChatReply, chatUsage } from '../schemas/chat.js';
import type { ServerEvent } from '../sse.js';

/** What all parts of a reply have in common. */
export interface Envelope {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
}

export function chatReplyOf(content: string, end: AnswerEnd, envelope: Envelope): ChatReply {
  return {
    ...envelope,
    object: 'chat.completion',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content, refusal: null },
        logprobs: null,
        finish_reason: end.reason,
      },
    ],
    usage: usageOf(end),
    pruning: pruningOf(end),
    metrics: metricsOf(end),
  };
}

/** The last chunk with a choice says what was kept and how long it took. */
export async function* chatChunks(
  parts: AsyncIterable<AnswerPart>,
  envelope: Envelope,
  includeUsage: boolean,
): AsyncGenerator<ServerEvent> {
  const chunk = (
    delta: ChatChunk['choices'][number]['delta'],
    finish_reason: 'stop' | 'length' | null = null,
  ): ChatChunk => ({
    ...envelope,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, logprobs: null, finish_reason }],
    ...(includeUsage && { usage: null }),
  });
  yield { data: chunk({ role: 'assistant', content: '' }) };
  for await (const part of parts) {
    if (part.type === 'text') yield { data: chunk({ content: part.text }) };
    if (part.type !== 'end') continue;
    const report = { pruning: pruningOf(part), metrics: metricsOf(part) };
    yield { data: { ...chunk({}, part.reason), ...report } };
    if (includeUsage) yield { data: { ...chunk({}), choices: [], usage: usageOf(part) } };
  }
  yield { data: '[DONE]' };
}

function usageOf({ usage }: AnswerEnd): z.infer<typeof chatUsage> {
  const { promptTokens, completionTokens } = usage;
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}
