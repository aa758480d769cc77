/** What an engine is asked, of what the user said. */
import type { AnswerOptions, ChatMessage, EngineRequest } from '@transprune/vlm';
import type { Question } from './inputs.js';

/** A question and its answer in a conversation. */
export interface Turn extends Question {
  readonly answer: string;
}

/**
 * A request for the answer to a question.
 *
 * @param system what goes before all
 * @param before the turns that led to it
 */
export function requestFor(
  asked: Question,
  options: AnswerOptions,
  { system, before = [] }: { readonly system?: string; readonly before?: readonly Turn[] } = {},
): EngineRequest {
  const messages: ChatMessage[] = [
    ...(system === undefined ? [] : [{ role: 'system', content: system } as const]),
    ...before.flatMap((turn) => [
      userMessage(turn),
      { role: 'assistant', content: turn.answer } as const,
    ]),
    userMessage(asked),
  ];
  const images = [...before, asked].flatMap(({ pictures }) => pictures.map(({ pixels }) => pixels));
  return { ...options, messages, images };
}

function userMessage({ pictures, question }: Question): ChatMessage {
  const placeholders = pictures.map(() => ({ type: 'image' }) as const);
  return { role: 'user', content: [...placeholders, { type: 'text', text: question }] };
}
