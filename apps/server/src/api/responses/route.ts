import type { Context } from 'hono';
import { answer, wholeAnswer } from '../answer.js';
import { checkModel } from '../models.js';
import { neutralInResponses, parseBody } from '../parse.js';
import { requestIdOf } from '../request-id.js';
import { responseRequest } from '../schemas/responses.js';
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
      service,
    });
    checkModel(service, request.model);
    const asked = askOfResponse(request, service);
    const answered = await answer(service, asked, context.req.raw.signal);
    const { parts } = answered;
    const response = startedResponse(request, service.modelName);
    if (!request.stream) {
      const { text, end } = await wholeAnswer(parts);
      return context.json(endedResponse(response, endedMessage(startedMessage(), text, end), end));
    }
    const event = numbering();
    return eventStream(responseEvents(parts, response, event), {
      answer: answered,
      onError: (error) => failedEvent(response, event, error),
      log: service.log.child({ requestId: requestIdOf(context) }),
    });
  };
}
