/** Parts of a request that both APIs write alike, in the engine's words. */
import type { ChatMessage, ChatPart, Sampling } from '@transprune/vlm';
import type { ChatRequest } from './schemas/chat.js';

/** Text alone as a text, which templates for text alone know. */
export function plain(parts: readonly ChatPart[]): ChatMessage['content'] {
  const texts = parts.flatMap((part) => (part.type === 'text' ? [part.text] : []));
  return texts.length === parts.length ? texts.join('\n') : parts;
}

/** Left out, and at temperature 0, the likeliest token is taken. */
export function samplingOf({
  temperature,
  top_p: topP,
  seed,
}: Pick<ChatRequest, 'temperature' | 'top_p' | 'seed'>): Sampling {
  return {
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(seed !== undefined && { seed }),
  };
}

export function stopOf({ stop = [] }: Pick<ChatRequest, 'stop'>): readonly string[] {
  return typeof stop === 'string' ? [stop] : stop;
}
