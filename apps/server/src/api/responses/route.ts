import type { Context } from 'hono';
import { type AnswerPart, answer } from '../answer.js';
import { begun } from '../begin.js';
import { checkModel } from '../models.js';
import { neutralInResponses, parseBody } from '../parse.js';
import { type ResponseReply, responseRequest } from '../schemas/responses.js';
import type { Service } from '../service.js';
import { eventStream } from '../sse.js';
import { askOfResponse } from './ask.js';
import { failedEvent, numbering, responseEvents } from './events.js';
import { endedMessage, endedResponse, startedMessage, startedResponse } from './reply.js';

/** `POST /v1/responses`. */
export function responsesRoute(service: Service) {
  return async (context: Context): Promise<Response> => {
    const request = await parseBody(context, {
      schema: responseRequest,
      known: neutralInResponses,
      limits: service.limits,
    });
    checkModel(service, request.model);
    const asked = askOfResponse(request, service);
    const answered = await begun(answer(service, asked, context.req.raw.signal));
    const { parts } = answered;
    const response = startedResponse(request, service.modelName);
    if (!request.stream) return context.json(await wholeResponse(parts, response));
    const event = numbering();
    return eventStream(responseEvents(parts, response, event), {
      answer: answered,
      onError: (error) => failedEvent(response, event, error),
      log: service.log,
    });
  };
}

async function wholeResponse(
  parts: AsyncIterable<AnswerPart>,
  response: ResponseReply,
): Promise<ResponseReply> {
  let text = '';
  for await (const part of parts) {
    if (part.type === 'text') text += part.text;
    if (part.type !== 'end') continue;
    return endedResponse(response, endedMessage(startedMessage(), text, part), part);
  }
  throw new Error('expected an answer to end');
}
