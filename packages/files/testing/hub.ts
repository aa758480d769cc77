import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, relative } from 'node:path';
import { onTestFinished } from 'vitest';

/** What one request is about. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The whole file. */
  readonly bytes: Uint8Array;
  /** Answers as a good server does. */
  serve(): void;
}

/** How a server answers in place of the good one. */
export type Answer = (exchange: Exchange) => void;

export interface Asked {
  readonly method: string;
  /** In the repository, or the whole path for what is no file of it. */
  readonly path: string;
  readonly token: string | undefined;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
}

export interface FakeHubOptions {
  /** Files besides those of the folder, or in their place; null for one that is missing. */
  readonly files?: Readonly<Record<string, Uint8Array | string | null>>;
  /** Answers to the first requests for a file, in order; then it is served. */
  readonly answers?: Readonly<Record<string, readonly Answer[]>>;
  /** Lists its files at `/api/models/...`, as the hub does and a static server does not. */
  readonly api?: boolean;
  /** Sends everything below `onnx/` from another server, and says the SHA-256, as the hub does. */
  readonly storage?: boolean;
}

export interface FakeHub {
  readonly host: string;
  /** Requests to the hub, in order. */
  readonly requests: Asked[];
  /** Requests to where it stores large files. */
  readonly stored: Asked[];
  /** Replaces a file from now on. */
  replace(path: string, bytes: Uint8Array): void;
}

/** The paths below this belong to the one repository that there is, whatever the revision. */
const repository = /^\/owner\/name\/resolve\/[^/]+\/(.*)$/;

/** A server with the hub's layout for the running test. */
export async function fakeHub(folder: string, options: FakeHubOptions = {}): Promise<FakeHub> {
  const { files = {}, answers = {}, api = false, storage = false } = options;
  const requests: Asked[] = [];
  const stored: Asked[] = [];
  const replaced = new Map(Object.entries(files));
  const counts = new Map<string, number>();
  const read = async (path: string): Promise<Uint8Array | undefined> => {
    const own = replaced.get(path);
    if (own !== undefined) return own === null ? undefined : Buffer.from(own);
    return readFile(join(folder, path)).catch(() => undefined);
  };
  const respond = async (path: string, request: IncomingMessage, response: ServerResponse) => {
    const bytes = await read(path);
    const count = counts.get(path) ?? 0;
    counts.set(path, count + 1);
    const answer = answers[path]?.[count];
    const serve = () => serveFile(bytes, request, response);
    if (answer) answer({ request, response, bytes: bytes ?? new Uint8Array(), serve });
    else serve();
  };
  const host2 = await listen(async (request, response) => {
    const path = decodeURIComponent(request.url ?? '').slice(1);
    stored.push(askedOf(request, path));
    await respond(path, request, response);
  });
  const host = await listen(async (request, response) => {
    const url = (request.url ?? '').replace(/\?.*$/, '');
    const encoded = repository.exec(url)?.[1];
    const path = encoded === undefined ? undefined : decodeURIComponent(encoded);
    requests.push(askedOf(request, path ?? url));
    if (path === undefined) {
      const isList = api && url.startsWith('/api/models/owner/name/revision/');
      if (isList) response.end(JSON.stringify({ siblings: await listing(folder, replaced, read) }));
      else response.writeHead(404).end('not here');
      return;
    }
    const bytes = await read(path);
    if (!storage || !path.startsWith('onnx/') || !bytes) return respond(path, request, response);
    response.writeHead(302, {
      location: `${host2}/${encoded}`,
      'x-linked-etag': `"${sha256(bytes)}"`,
      'x-linked-size': bytes.length,
    });
    response.end('Found');
  });
  const replace = (path: string, bytes: Uint8Array) => replaced.set(path, bytes);
  return { host, requests, stored, replace };
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function askedOf({ method = '', headers }: IncomingMessage, path: string): Asked {
  const { authorization: token, range, 'if-range': ifRange } = headers;
  return { method, path, token, range, ifRange: ifRange?.toString() };
}

async function listing(
  folder: string,
  replaced: ReadonlyMap<string, unknown>,
  read: (path: string) => Promise<Uint8Array | undefined>,
) {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = found
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)));
  const siblings: object[] = [];
  for (const rfilename of new Set([...paths, ...replaced.keys()])) {
    const bytes = await read(rfilename);
    if (!bytes) continue;
    const size = bytes.length;
    const lfs = { sha256: sha256(bytes), size };
    siblings.push({ rfilename, size, ...(rfilename.startsWith('onnx/') && { lfs }) });
  }
  return siblings;
}

function serveFile(
  bytes: Uint8Array | undefined,
  { headers }: IncomingMessage,
  response: ServerResponse,
): void {
  if (!bytes) {
    response.writeHead(404).end('not here');
    return;
  }
  const etag = `"${sha256(bytes).slice(0, 16)}"`;
  const start = Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? Number.NaN);
  const isSame = headers['if-range'] === undefined || headers['if-range'] === etag;
  if (Number.isNaN(start) || !isSame) {
    response.writeHead(200, { 'content-length': bytes.length, etag }).end(bytes);
  } else if (start >= bytes.length) {
    response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
  } else {
    const rest = bytes.subarray(start);
    const range = `bytes ${start}-${bytes.length - 1}/${bytes.length}`;
    response
      .writeHead(206, { 'content-length': rest.length, 'content-range': range, etag })
      .end(rest);
  }
}

async function listen(
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<string> {
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
