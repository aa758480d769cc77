/** The API's description, made of the schemas that requests are checked by. */
import { z } from 'zod';
import { chatChunk, chatReply, chatRequest } from './schemas/chat.js';
import { errorBody } from './schemas/common.js';
import { model, modelList } from './schemas/models.js';
import { responseEvent } from './schemas/response-events.js';
import { responseReply, responseRequest } from './schemas/responses.js';

const schemas = {
  ChatRequest: chatRequest,
  ChatReply: chatReply,
  ChatChunk: chatChunk,
  ResponseRequest: responseRequest,
  Response: responseReply,
  ResponseEvent: responseEvent,
  Model: model,
  ModelList: modelList,
  Error: errorBody,
};

const refer = (name: keyof typeof schemas) => ({ $ref: `#/components/schemas/${name}` });
const content = (type: string, schema: object) => ({ content: { [type]: { schema } } });
const json = (description: string, schema: object) => ({
  description,
  ...content('application/json', schema),
});

const failures = {
  400: 'something in the request is not as it must be',
  401: 'no API key that is known',
  404: 'another model than the one that is served',
  413: 'a body that is too large',
  415: 'a body that is not JSON',
  429: 'all places are taken; Retry-After says when to ask again',
  500: 'the server failed; its log says why, under the id in X-Request-Id',
  503: 'no engine runs, or the server ends',
  504: 'a time limit',
};

const errors = Object.fromEntries(
  Object.entries(failures).map(([status, what]) => [status, json(what, refer('Error'))]),
);

/** An endpoint that answers at once, or as a stream of events. */
function answering(
  summary: string,
  request: keyof typeof schemas,
  reply: keyof typeof schemas,
  event: keyof typeof schemas,
) {
  return {
    post: {
      summary,
      security: [{ key: [] }],
      requestBody: { required: true, ...content('application/json', refer(request)) },
      responses: {
        200: {
          description: 'the answer; with `stream` as events, each with data of one line of JSON',
          content: {
            'application/json': { schema: refer(reply) },
            'text/event-stream': { schema: refer(event) },
          },
        },
        ...errors,
      },
    },
  };
}

/** An endpoint that tells something. */
function telling(summary: string, ok: object, parameters: readonly object[] = []) {
  return { get: { summary, parameters, responses: { 200: ok } } };
}

const text = (description: string) => ({
  description,
  ...content('text/plain', { type: 'string' }),
});

/** The document that `/openapi.json` gives. */
export function openApiDocument(version: string): object {
  const named = Object.entries(schemas).map(([name, schema]) => {
    const { $schema: _, ...rest } = z.toJSONSchema(schema, { unrepresentable: 'any' });
    return [name, rest];
  });
  const status = { type: 'object', properties: { status: { type: 'string' } } };
  const id = { name: 'id', in: 'path', required: true, schema: { type: 'string' } };
  return {
    openapi: '3.1.0',
    info: {
      title: 'transprune',
      version,
      description: "OpenAI's API for a vision-language model that prunes its image tokens.",
    },
    paths: {
      '/v1/chat/completions': answering(
        'Continues a conversation.',
        'ChatRequest',
        'ChatReply',
        'ChatChunk',
      ),
      '/v1/responses': answering(
        'Continues a conversation, as Open Responses has it.',
        'ResponseRequest',
        'Response',
        'ResponseEvent',
      ),
      '/v1/models': telling('The model that is served.', json('a list of one', refer('ModelList'))),
      '/v1/models/{id}': telling('The model.', json('the model', refer('Model')), [id]),
      '/health': telling('Whether the server runs.', json('it does', status)),
      '/ready': telling('Whether it can answer now; 503 if not.', json('it can', status)),
      '/version': telling('Version and limits.', json('both', { type: 'object' })),
      '/metrics': telling('Counters and times for Prometheus.', text('in its text format')),
    },
    components: {
      schemas: Object.fromEntries(named),
      securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
    },
  };
}
