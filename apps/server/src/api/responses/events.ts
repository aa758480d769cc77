/** A response as the events of a stream, each with its number. */
import type { AnswerPart } from '../answer.js';
import { toApiError } from '../errors.js';
import type { ResponseReply } from '../schemas/responses.js';
import type { ServerEvent } from '../sse.js';
import { endedMessage, endedResponse, outputText, startedMessage } from './reply.js';

type Fields = Readonly<Record<string, unknown>>;

/** Events that say their type twice, as their name and in their data. */
export type Numbered = (type: string, fields: Fields) => ServerEvent;

export function numbering(): Numbered {
  let sequence_number = 0;
  return (type, fields) => ({
    event: type,
    data: { type, sequence_number: sequence_number++, ...fields },
  });
}

/** The stream of an answer; `[DONE]` ends it. */
export async function* responseEvents(
  parts: AsyncIterable<AnswerPart>,
  response: ResponseReply,
  event: Numbered,
): AsyncGenerator<ServerEvent> {
  const message = startedMessage();
  const inItem = { item_id: message.id, output_index: 0 };
  const inPart = { ...inItem, content_index: 0 };
  let text = '';
  yield event('response.created', { response });
  yield event('response.in_progress', { response });
  yield event('response.output_item.added', { output_index: 0, item: message });
  yield event('response.content_part.added', { ...inPart, part: outputText('') });
  for await (const part of parts) {
    if (part.type === 'text') {
      text += part.text;
      yield event('response.output_text.delta', { ...inPart, delta: part.text, logprobs: [] });
    }
    if (part.type !== 'end') continue;
    const item = endedMessage(message, text, part);
    const ended = endedResponse(response, item, part);
    yield event('response.output_text.done', { ...inPart, text, logprobs: [] });
    yield event('response.content_part.done', { ...inPart, part: outputText(text) });
    yield event('response.output_item.done', { output_index: 0, item });
    yield event(`response.${ended.status}`, { response: ended });
  }
  yield { data: '[DONE]' };
}

/** What a stream ends with that cannot go on. */
export function failedEvent(response: ResponseReply, event: Numbered, error: unknown): ServerEvent {
  const { code, message } = toApiError(error);
  return event('response.failed', {
    response: { ...response, status: 'failed', error: { code, message } },
  });
}
