/** What a repository has. */
import { setTimeout as sleep } from 'node:timers/promises';
import { withController } from '../abort.js';
import type { Store } from './download-file.js';
import { TransferFault } from './fault.js';
import { largestListing } from './policy.js';
import { ask, type Linked } from './request.js';

/** Files of a repository by their paths, with what the hub tells about each. */
export type Listing = ReadonlyMap<string, Linked>;

/**
 * Asks the hub for the list of a repository's files.
 *
 * @returns undefined where there is no such list, as on a static server
 */
export async function listRepository(store: Store): Promise<Listing | undefined> {
  try {
    return await withController(store.signal, (controller) => askForListing(store, controller));
  } catch (cause) {
    // Whatever is wrong with the list, the files may be fine; if they are not, they say why.
    if (cause instanceof TransferFault) return undefined;
    throw cause;
  }
}

async function askForListing(
  store: Store,
  controller: AbortController,
): Promise<Listing | undefined> {
  const { id, revision, host, token, policy } = store;
  const base = host.replace(/\/?$/, '/');
  const path = `api/models/${id}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const { response } = await ask({
    url: new URL(path, base).href,
    ...(token !== undefined && { token }),
    headerTimeoutMs: policy.headerTimeoutMs,
    controller,
  });
  if (response.status !== 200) return undefined;
  const text = await readLimited(response, store);
  return text === undefined ? undefined : parseListing(text);
}

async function readLimited(response: Response, { policy }: Store): Promise<string | undefined> {
  const reader = response.body?.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  const late = new AbortController();
  try {
    while (reader) {
      const patience = sleep(policy.idleTimeoutMs, 'late' as const, { signal: late.signal });
      patience.catch(() => {});
      const next = await Promise.race([reader.read().catch(() => 'cut' as const), patience]);
      if (next === 'late' || next === 'cut') return undefined;
      if (next.done) break;
      length += next.value.length;
      if (length > largestListing) return undefined;
      chunks.push(next.value);
    }
  } finally {
    late.abort();
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** @returns undefined for what is no list */
function parseListing(text: string): Listing | undefined {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return undefined;
  }
  const siblings = fieldOf(found, 'siblings');
  if (!Array.isArray(siblings)) return undefined;
  const listing = new Map<string, Linked>();
  for (const sibling of siblings as readonly unknown[]) {
    const path = fieldOf(sibling, 'rfilename');
    const lfs = fieldOf(sibling, 'lfs');
    const sha256 = fieldOf(lfs, 'sha256') ?? fieldOf(lfs, 'oid');
    const size = fieldOf(lfs, 'size') ?? fieldOf(sibling, 'size');
    if (typeof path !== 'string') continue;
    listing.set(path, {
      ...(typeof sha256 === 'string' &&
        /^[0-9a-f]{64}$/i.test(sha256) && { sha256: sha256.toLowerCase() }),
      ...(typeof size === 'number' && Number.isSafeInteger(size) && { size }),
    });
  }
  return listing;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
