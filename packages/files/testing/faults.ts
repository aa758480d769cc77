/** Ways in which a server misbehaves. */
import { gzipSync } from 'node:zlib';
import type { Answer } from './hub.js';

/** A status without a file. */
export const status =
  (code: number, headers: Readonly<Record<string, string>> = {}): Answer =>
  ({ response }) =>
    response.writeHead(code, headers).end('no file');

/** Announces the file, and breaks the connection after a share of what was asked for. */
export const cutAt =
  (share: number, headers: Readonly<Record<string, string>> = { etag: '"same"' }): Answer =>
  ({ response, bytes, request }) => {
    const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const end = Math.floor(bytes.length * share);
    const rest = bytes.length - start;
    if (start > 0) {
      const range = `bytes ${start}-${bytes.length - 1}/${bytes.length}`;
      response.writeHead(206, { 'content-length': rest, 'content-range': range, ...headers });
    } else {
      response.writeHead(200, { 'content-length': rest, ...headers });
    }
    response.write(bytes.subarray(start, Math.max(start, end)), () =>
      setTimeout(() => response.destroy(), 20),
    );
  };

/** The rest of the file, with an `ETag` of one's choice. */
export const serveAs =
  (etag: string): Answer =>
  (exchange) => {
    const { request, response, bytes } = exchange;
    const isSame = [undefined, etag].includes(request.headers['if-range']?.toString());
    const asked = isSame ? request.headers.range : undefined;
    const start = Number(/^bytes=(\d+)-/.exec(asked ?? '')?.[1] ?? 0);
    const range = `bytes ${start}-${bytes.length - 1}/${bytes.length}`;
    response.writeHead(start > 0 ? 206 : 200, {
      'content-length': bytes.length - start,
      etag,
      ...(start > 0 && { 'content-range': range }),
    });
    response.end(bytes.subarray(start));
  };

/** Ends early without having said how long the file is. */
export const shortWithoutLength =
  (share: number): Answer =>
  ({ response, bytes }) =>
    response.writeHead(200).end(bytes.subarray(0, Math.floor(bytes.length * share)));

/** Says a length below the file's. */
export const shortLength =
  (length: number): Answer =>
  ({ response, bytes }) => {
    response.socket?.end(
      Buffer.concat([
        Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\nconnection: close\r\n\r\n`),
        bytes,
      ]),
    );
  };

export const empty: Answer = ({ response }) =>
  response.writeHead(200, { 'content-length': 0 }).end();

/** A page in place of the file, with or without saying so. */
export const page =
  (type = 'text/html; charset=utf-8'): Answer =>
  ({ response }) =>
    response
      .writeHead(200, { 'content-type': type })
      .end('<!DOCTYPE html>\n<html><body>Please log in</body></html>');

/** The beginning of the file, as if that had been asked for. */
export const unaskedPart: Answer = ({ response, bytes }) =>
  response
    .writeHead(206, {
      'content-range': `bytes 0-99/${bytes.length}`,
      'content-length': 100,
    })
    .end(bytes.subarray(0, 100));

/** Compressed though nobody asked for it, of a share of the file. */
export const compressed =
  (share = 1): Answer =>
  ({ response, bytes }) => {
    const body = gzipSync(bytes.subarray(0, Math.floor(bytes.length * share)));
    response
      .writeHead(200, { 'content-encoding': 'gzip', 'content-length': body.length })
      .end(body);
  };

/** A small body that becomes a large one. */
export const bomb =
  (bytes: number): Answer =>
  ({ response }) => {
    const body = gzipSync(Buffer.alloc(bytes, ' '));
    response
      .writeHead(200, { 'content-encoding': 'gzip', 'content-length': body.length })
      .end(body);
  };

/** Never answers. */
export const silent: Answer = () => {};

/** Sends a share of the file, then nothing, without an end. */
export const stallAt =
  (share: number): Answer =>
  ({ response, bytes }) => {
    response.writeHead(200, { 'content-length': bytes.length, etag: '"same"' });
    response.write(bytes.subarray(0, Math.floor(bytes.length * share)));
  };

/** Sends a byte now and then, without an end. */
export const trickle =
  (everyMs: number): Answer =>
  ({ response }) => {
    response.writeHead(200, { 'content-length': 100_000 });
    const timer = setInterval(() => response.write(' '), everyMs);
    response.on('close', () => clearInterval(timer));
  };

/** Sends without an end. */
export const endless: Answer = ({ response }) => {
  response.writeHead(200);
  const chunk = Buffer.alloc(2 ** 20, ' ');
  const more = () => {
    if (response.destroyed) return;
    if (response.write(chunk)) setImmediate(more);
    else response.once('drain', more);
  };
  more();
};

/** The file's length with other contents. */
export const damaged: Answer = ({ response, bytes }) => {
  const other = Uint8Array.from(bytes);
  other[other.length - 1] = 255 - (other.at(-1) ?? 0);
  response.writeHead(200, { 'content-length': other.length }).end(other);
};

export const redirect =
  (location: string | ((path: string) => string), code = 302): Answer =>
  ({ request, response }) => {
    const to = typeof location === 'string' ? location : location(request.url ?? '');
    response.writeHead(code, { location: to }).end();
  };

/** The same answer to many requests in a row. */
export const always = (answer: Answer): Answer[] => Array.from({ length: 100 }, () => answer);
