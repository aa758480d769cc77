/** Whether the server runs, whether it can answer, and what it is. */
import type { Context } from 'hono';
import type { Service } from './service.js';

export const healthRoute = (context: Context) => context.json({ status: 'ok' });

export const readyRoute =
  ({ pool, shutdown }: Service) =>
  (context: Context) => {
    const isReady = pool.isReady && !shutdown.aborted;
    const { running, waiting } = pool;
    const status = isReady ? 'ready' : 'unavailable';
    return context.json({ status, running, waiting }, isReady ? 200 : 503);
  };

export const versionRoute =
  ({ version, limits, imageHosts }: Service) =>
  (context: Context) =>
    context.json({ version, limits, image_hosts: imageHosts });

export const metricsRoute =
  ({ metrics }: Service) =>
  async (context: Context) =>
    context.body(await metrics.text(), 200, { 'Content-Type': metrics.contentType });
