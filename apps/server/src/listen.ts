/** The HTTP server: connections, slow senders, and how it ends. */
import type { Server } from 'node:http';
import { type AddressInfo, createServer, type Server as NetServer } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { type ErrorCode, TransPruneError } from '@transprune/core';
import type { Hono } from 'hono';
import type { Limits } from './limits/limits.js';

/** Where a server is to listen. */
export interface Address {
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
}

export interface Listening {
  readonly server: Server;
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  readonly url: string;
}

/** @throws TransPruneError for an address that the system does not give, such as one in use */
export async function listen(
  app: Hono,
  { host, port }: Address,
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
  await listenAt(server, { host, port });
  const { address, family, port: bound } = server.address() as AddressInfo;
  return { server, url: `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}` };
}

/** Takes no more connections, and settles when the last is closed, which is as soon as it is idle. */
export async function closeServer(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

/**
 * Makes sure that an address can be had, before something is done that takes long.
 *
 * @throws TransPruneError as `listen` does
 */
export async function checkAddress(address: Address): Promise<void> {
  const server = createServer();
  await listenAt(server, address);
  await new Promise((resolve) => server.close(resolve));
}

/** What the system says of an address, and what that means. */
const faults: Readonly<Record<string, readonly [ErrorCode, found: string, remedy: string]>> = {
  EADDRINUSE: [
    'BUSY',
    'where another program listens',
    'end that program, or choose another port with --port, 0 for any that is free',
  ],
  EACCES: [
    'INVALID_ARGUMENT',
    'which this user may not have',
    'choose another port with --port; those below 1024 mostly need rights',
  ],
  EADDRNOTAVAIL: [
    'INVALID_ARGUMENT',
    'which this machine has not',
    'choose one of its own with --host, or 0.0.0.0 for all',
  ],
};

async function listenAt(server: NetServer, { host, port }: Address): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const fail = (cause: NodeJS.ErrnoException) => {
      const [code, found, remedy] = faults[cause.code ?? ''] ?? [];
      if (code === undefined) return reject(cause);
      const message = `expected an address to listen at, got ${host} with port ${port}, ${found} (${cause.code}); ${remedy}`;
      reject(new TransPruneError(code, message, { host, port }, { cause }));
    };
    server.once('error', fail);
    server.listen(port, host, () => {
      server.off('error', fail);
      resolve();
    });
  });
}
