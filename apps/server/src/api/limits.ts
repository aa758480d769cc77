/** Limits of what is asked, as they are known before anything is read. */
import { counted } from '@transprune/core';
import type { ChatMessage } from '@transprune/vlm';
import type { ImageUrl } from '../images/read.js';
import type { Limits } from '../limits/limits.js';
import { badRequest } from './errors.js';

/** @throws ApiError 400 for too many images, or too much text */
export function checkAsked(
  asked: {
    readonly messages: readonly ChatMessage[];
    readonly images: readonly ImageUrl[];
    /** What the messages are called. */
    readonly param: string;
  },
  limits: Limits,
): void {
  const { messages, images, param } = asked;
  if (images.length > limits.images) {
    throw badRequest(
      'too_many_images',
      `expected at most ${counted(limits.images, 'image')}, got ${images.length}`,
      param,
    );
  }
  const characters = messages.reduce((sum, { content }) => sum + charactersOf(content), 0);
  if (characters > limits.textCharacters) {
    throw badRequest(
      'text_too_long',
      `expected at most ${limits.textCharacters} characters of text, got ${characters}`,
      param,
    );
  }
}

function charactersOf(content: ChatMessage['content']): number {
  if (typeof content === 'string') return content.length;
  return content.reduce((sum, part) => sum + (part.type === 'text' ? part.text.length : 0), 0);
}

/**
 * How long the answer may become: what the client says, by whatever name it does, or the limit.
 *
 * @throws ApiError 400 for more than the limit
 */
export function maxNewTokens(
  asked: Readonly<Record<string, number | undefined>>,
  { completionTokens }: Pick<Limits, 'completionTokens'>,
): number {
  for (const [param, tokens = completionTokens] of Object.entries(asked)) {
    if (tokens <= completionTokens) return tokens;
    throw badRequest(
      'invalid_value',
      `expected ${param} of at most ${completionTokens}, got ${tokens}`,
      param,
    );
  }
  return completionTokens;
}
