/** Files of the page's own folder, with progress by bytes. */
import { TransPruneError } from '@transprune/core';

/**
 * Fetches files, one after the other.
 *
 * @param files paths relative to `base`, with the bytes of each
 * @param onBytes is called with the bytes of each piece that came
 * @throws TransPruneError DOWNLOAD_FAILED that names the file
 */
export async function download(
  base: URL,
  files: Readonly<Record<string, number>>,
  onBytes: (bytes: number) => void,
): Promise<ReadonlyMap<string, Uint8Array<ArrayBuffer>>> {
  const found = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const [path, size] of Object.entries(files)) {
    const url = new URL(path, base).href;
    const failed = (got: string) =>
      new TransPruneError(
        'DOWNLOAD_FAILED',
        `expected the file ${path} beside this page, got ${got}; check the network, and that the page's folder is complete`,
        { url },
      );
    const response = await fetch(url).catch(() => undefined);
    if (!response) throw failed('no connection');
    if (!response.ok || !response.body) throw failed(`status ${response.status}`);
    const bytes = await readAll(response.body, onBytes).catch(() => undefined);
    if (!bytes) throw failed('a part of it');
    // Some servers send a page of theirs in place of a file that is missing.
    if (bytes.length !== size) throw failed(`${bytes.length} bytes in place of ${size}`);
    found.set(path, bytes);
  }
  return found;
}

async function readAll(
  body: ReadableStream<Uint8Array>,
  onBytes: (bytes: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = body.getReader();
  const pieces: Uint8Array[] = [];
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    pieces.push(piece.value);
    onBytes(piece.value.length);
  }
  return new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer());
}
