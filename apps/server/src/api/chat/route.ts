import { randomUUID } from 'node:crypto';
import type { Context } from 'hono';
import { answer, wholeAnswer } from '../answer.js';
import { toApiError } from '../errors.js';
import { checkModel } from '../models.js';
import { neutralInChat, parseBody } from '../parse.js';
import { requestIdOf } from '../request-id.js';
import { chatRequest } from '../schemas/chat.js';
import type { Service } from '../service.js';
import { eventStream } from '../sse.js';
import { askOfChat } from './ask.js';
import { chatChunks, chatReplyOf } from './reply.js';

/** `POST /v1/chat/completions`. */
export function chatRoute(service: Service) {
  return async (context: Context): Promise<Response> => {
    const request = await parseBody(context, {
      schema: chatRequest,
      known: neutralInChat,
      service,
    });
    checkModel(service, request.model);
    const asked = askOfChat(request, service);
    const answered = await answer(service, asked, context.req.raw.signal);
    const { parts } = answered;
    const envelope = {
      id: `chatcmpl-${randomUUID()}`,
      created: Math.floor(Date.now() / 1000),
      model: service.modelName,
    };
    if (!request.stream) {
      const { text, end } = await wholeAnswer(parts);
      return context.json(chatReplyOf(text, end, envelope));
    }
    const includeUsage = request.stream_options?.include_usage === true;
    return eventStream(chatChunks(parts, envelope, includeUsage), {
      answer: answered,
      onError: (error) => ({ data: toApiError(error).body }),
      log: service.log.child({ requestId: requestIdOf(context) }),
    });
  };
}
