/** Files of the page's own folder, with progress by bytes. */
import { TransPruneError } from '@transprune/core';

/**
 * Fetches files, one after the other.
 *
 * @param files paths relative to `base`
 * @param onBytes is called with the bytes of each piece that came
 * @throws TransPruneError DOWNLOAD_FAILED that names the file
 */
export async function download(
  base: URL,
  files: readonly string[],
  onBytes: (bytes: number) => void,
): Promise<ReadonlyMap<string, Uint8Array<ArrayBuffer>>> {
  const found = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const path of files) {
    const url = new URL(path, base).href;
    const response = await fetch(url).catch(() => undefined);
    if (!response?.ok || !response.body) {
      throw new TransPruneError(
        'DOWNLOAD_FAILED',
        `expected the file ${path} beside this page, got ${response ? `status ${response.status}` : 'no connection'}; check the network, and that the page's folder is complete`,
        { url },
      );
    }
    found.set(path, await readAll(response.body, onBytes));
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
