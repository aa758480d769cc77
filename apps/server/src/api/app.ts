/** The endpoints, and what all requests go through. */
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { secureHeaders } from 'hono/secure-headers';
import { chatRoute } from './chat/route.js';
import { docsPage } from './docs.js';
import { ApiError, toApiError } from './errors.js';
import { modelRoute, modelsRoute } from './models.js';
import { openApiDocument } from './openapi.js';
import { nameRequest, requestIdHeader, requestIdOf } from './request-id.js';
import { responsesRoute } from './responses/route.js';
import type { Service } from './service.js';
import { healthRoute, metricsRoute, readyRoute, versionRoute } from './status.js';

export function createApp(service: Service): Hono {
  const document = openApiDocument(service.version);
  const app = new Hono();
  app.onError((error, context) => errorReply(error, context, service));
  app.notFound((context) => {
    const { method, path } = context.req;
    const message = `there is no ${method} ${path.slice(0, 100)}; GET /docs lists what there is`;
    return errorReply(new ApiError(404, 'not_found', message), context, service);
  });
  // Whether a host speaks TLS alone is its proxy's to say.
  app.use(secureHeaders({ strictTransportSecurity: false }), logged(service));
  app.get('/health', healthRoute);
  app.get('/ready', readyRoute(service));
  app.get('/version', versionRoute(service));
  app.get('/metrics', metricsRoute(service));
  app.get('/openapi.json', (context) => context.json(document));
  for (const path of ['/', '/docs']) {
    app.get(path, (context) => context.html(docsPage(document, service.modelName)));
  }
  app.use('/v1/*', authorized(service));
  app.get('/v1/models', modelsRoute(service));
  app.get('/v1/models/*', modelRoute(service));
  const asking = [counted(service), admitted(service)] as const;
  app.post('/v1/chat/completions', ...asking, chatRoute(service));
  app.post('/v1/responses', ...asking, responsesRoute(service));
  return app;
}

function errorReply(error: unknown, context: Context, { log }: Service): Response {
  const known = toApiError(error);
  const requestId = requestIdOf(context);
  if (known.status === 500) log.error({ err: known.cause, requestId }, 'a request failed');
  return context.json(known.body, known.status as 400, known.headers);
}

/** Names each request, and notes how it went; nothing of what was asked. */
function logged({ log }: Service): MiddlewareHandler {
  return async (context, next) => {
    const requestId = nameRequest(context);
    const since = performance.now();
    await next();
    context.res.headers.set(requestIdHeader, requestId);
    const { method, path } = context.req;
    const ms = Math.round(performance.now() - since);
    log.info({ requestId, method, path, status: context.res.status, ms }, 'request');
  };
}

function authorized({ checkKey }: Service): MiddlewareHandler {
  return async (context, next) => {
    if (!checkKey(context.req.header('Authorization'))) {
      throw new ApiError(
        401,
        'invalid_api_key',
        'expected an API key that this server knows, as Authorization: Bearer <key>',
        { headers: { 'WWW-Authenticate': 'Bearer' } },
      );
    }
    await next();
  };
}

/** Counts a request by its status. */
function counted({ metrics }: Service): MiddlewareHandler {
  return async (context, next) => {
    await next();
    metrics.requested(context.res.status);
  };
}

/** Whoever would get no place is told so before the body is read. */
function admitted({ pool }: Service): MiddlewareHandler {
  return async (_, next) => {
    pool.checkRoom();
    await next();
  };
}
