/** One file of a repository, brought to its place once, whoever asks. */
import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { TransPruneError } from '@transprune/core';
import { remoteUrl } from '../../address.js';
import { withLock } from '../lock.js';
import { isSystemError, reasonOf } from '../system-errors.js';
import { isGood } from './contents.js';
import { findPart } from './part.js';
import type { TransferPolicy } from './policy.js';
import { type DownloadProgress, progressOf } from './progress.js';
import type { Linked } from './request.js';
import { type RetryNotice, retrying } from './retry.js';
import { type Shared, share } from './share.js';
import { transfer } from './transfer.js';

/** A repository, and where its files are kept. */
export interface Store {
  readonly id: string;
  readonly revision: string;
  readonly host: string;
  readonly token?: string;
  /** Of this revision's files. */
  readonly folder: string;
  readonly policy: TransferPolicy;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: DownloadProgress) => void;
  readonly onRetry?: (notice: RetryNotice & { readonly file: string }) => void;
}

export interface FileRequest {
  /** In the repository. */
  readonly path: string;
  /** What the hub lists of it. */
  readonly expected?: Linked;
  /** What a graph refers to in it, in bytes. */
  readonly leastBytes?: number;
}

const running = new Map<string, Shared<DownloadProgress>>();

/**
 * Makes sure that a file is in the store. Those who ask for one file at the same time, in this process or
 * in others, share one transfer.
 *
 * @returns false if the repository has no such file
 * @throws TransPruneError NOT_FOUND if the server can't be reached or withholds the file, DOWNLOAD_FAILED if
 *   it doesn't come as it should, WRITE_FAILED if it can't be stored; the signal's reason when it is aborted
 */
export async function downloadFile(store: Store, request: FileRequest): Promise<boolean> {
  const target = resolve(store.folder, request.path);
  const isThere = () => isGood(target, request.path, request.leastBytes);
  if (await isThere()) return true;
  const { signal, onProgress } = store;
  return share(running, target, { signal, onProgress }, async (signal, report) => {
    try {
      await mkdir(dirname(target), { recursive: true });
      const fetchNow = async () =>
        (await isThere()) || fetchInto(target, store, request, { signal, report });
      const found = await withLock(`${target}.lock`, fetchNow, {
        signal,
        whileWaiting: isThere,
        pollMs: 100,
      });
      return found ?? true;
    } catch (cause) {
      if (!isSystemError(cause)) throw cause;
      throw new TransPruneError(
        'WRITE_FAILED',
        `expected to store ${request.path} at ${target}, got ${reasonOf(cause)}; check that there is room and that the folder is writable`,
        { path: target },
        { cause },
      );
    }
  });
}

interface Work {
  readonly signal: AbortSignal;
  readonly report: (progress: DownloadProgress) => void;
}

async function fetchInto(
  target: string,
  { id, revision, host, token, policy, onRetry }: Store,
  { path, expected = {}, leastBytes }: FileRequest,
  { signal, report }: Work,
): Promise<boolean> {
  const url = remoteUrl(id, path, revision, { host });
  const progress = progressOf(path);
  let bytes = (await findPart(target))?.size ?? 0;
  let total = expected.size;
  const attempt = () =>
    transfer({
      ...{ url, path, target, expected, policy, signal },
      ...(token !== undefined && { token }),
      ...(leastBytes !== undefined && { leastBytes }),
      onBytes(loaded, inAll) {
        bytes = loaded;
        total = inAll;
        report(progress(loaded, inAll));
      },
    });
  return retrying(attempt, {
    ...{ url, policy, signal },
    startedWith: bytes,
    reached: () => ({ bytes, ...(total !== undefined && { total }) }),
    ...(onRetry && { onRetry: (notice) => onRetry({ ...notice, file: path }) }),
  });
}
