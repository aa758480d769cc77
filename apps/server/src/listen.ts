/** The HTTP server: connections, slow senders, and how it ends. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { Hono } from 'hono';
import type { Limits } from './limits/limits.js';

export interface Listening {
  readonly server: Server;
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  readonly url: string;
}

/** @throws what the system says of the address, such as EADDRINUSE */
export async function listen(
  app: Hono,
  { host, port }: { readonly host: string; readonly port: number },
  { receiveMs, connections }: Pick<Limits, 'receiveMs' | 'connections'>,
): Promise<Listening> {
  const server = createAdaptorServer({
    fetch: app.fetch,
    hostname: host,
    overrideGlobalObjects: false,
    serverOptions: {
      headersTimeout: receiveMs,
      requestTimeout: receiveMs,
      connectionsCheckingInterval: Math.min(1000, receiveMs),
    },
  }) as Server;
  server.maxConnections = connections;
  // Once no more are taken, a connection ends after its answer: when all of it has gone out, not when it is written.
  server.on('request', ({ socket }, response) => {
    response.once('close', () => {
      if (!server.listening) socket.end();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { address, family, port: bound } = server.address() as AddressInfo;
  return { server, url: `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}` };
}

/** Takes no more connections, and settles when the last is closed, which is as soon as it is idle. */
export async function closeServer(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.close(() => resolve()));
}
