import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';
import { onTestFinished } from 'vitest';

export interface FakeHub {
  readonly host: string;
  /** Addresses asked for, in order. */
  readonly requests: { readonly path: string; readonly token: string | undefined }[];
}

/**
 * A server with the hub's layout for the running test: `owner/name/resolve/main/` is the folder.
 *
 * @param answers bytes or a status for certain files, instead of what the folder has
 */
export async function fakeHub(
  folder: string,
  answers: Readonly<Record<string, Uint8Array | number | 'cut'>> = {},
): Promise<FakeHub> {
  const requests: FakeHub['requests'] = [];
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(request.url ?? '');
    requests.push({ path, token: request.headers.authorization });
    const file = /^\/owner\/name\/resolve\/main\/(.*)$/.exec(path)?.[1];
    const answer = file === undefined ? 404 : answers[file];
    if (typeof answer === 'number') {
      response.writeHead(answer).end();
      return;
    }
    try {
      const bytes =
        answer instanceof Uint8Array ? answer : await readFile(join(folder, normalize(file ?? '')));
      response.writeHead(200, { 'content-length': bytes.length });
      if (answer === 'cut') response.write(bytes.subarray(0, 10), () => response.destroy());
      else response.end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  );
  return { host: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}
