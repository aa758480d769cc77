/** Models of the Hugging Face hub, kept in a folder. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TransPruneError } from '@transprune/core';
import { decodeModel, externalExtents } from '@transprune/onnx';
import { checkModelId, checkRevision, remoteUrl } from '../../address.js';
import {
  type FormatChoice,
  type GraphName,
  graphNames,
  graphPath,
  type VlmFiles,
} from '../../files.js';
import { checkLocation } from '../../remote.js';
import { modelFolder } from '../model-folder.js';
import { isGood } from './contents.js';
import { downloadFile, type FileRequest, type Store } from './download-file.js';
import {
  defaultCacheFolder,
  defaultHost,
  defaultToken,
  isOfflineByDefault,
} from './environment.js';
import { type ChosenFormats, chooseFormats, NoFormat } from './formats.js';
import { defaultPolicy, type TransferPolicy } from './policy.js';
import type { DownloadProgress } from './progress.js';
import { type Listing, listRepository } from './repository.js';
import type { RetryNotice } from './retry.js';

export interface DownloadOptions {
  /** Branch, tag or commit; `main` if left out. What was fetched once is not looked up again. */
  readonly revision?: string;
  /**
   * Which of the graphs' files to take: a format for the decoder, and for the other graphs where they have
   * it, or one for each graph. What is left open is chosen from what is there, the nearest to float32.
   */
  readonly format?: FormatChoice;
  /** Which graphs to fetch; all if left out. */
  readonly graphs?: readonly GraphName[];
  /** Where models are kept; `transprune` in the user's folder for caches if left out. */
  readonly cacheFolder?: string;
  /** Server with the hub's layout; `HF_ENDPOINT` of the environment, or the hub, if left out. */
  readonly host?: string;
  /**
   * For private and gated models; `HF_TOKEN` of the environment if left out. It is sent to the host alone,
   * not to where the host redirects.
   */
  readonly token?: string;
  /** True: nothing is asked of the network; `HF_HUB_OFFLINE` of the environment if left out. */
  readonly offline?: boolean;
  readonly signal?: AbortSignal;
  /** Patience with the server, where it differs from the default. */
  readonly policy?: Partial<TransferPolicy>;
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Told once, as soon as it is known: before graphs are fetched, if the host lists what it has. */
  readonly onFormats?: (formats: ChosenFormats) => void;
  /** Told when a try has failed and another follows. */
  readonly onRetry?: (notice: RetryNotice & { readonly file: string }) => void;
}

/** A model that is there. */
export interface DownloadedModel extends VlmFiles {
  /** Absolute. */
  readonly folder: string;
  /** What was taken of each graph. */
  readonly formats: ChosenFormats;
}

const requiredFiles = ['config.json', 'tokenizer.json', 'tokenizer_config.json'];
const optionalFiles = [
  ...['preprocessor_config.json', 'processor_config.json'],
  ...['generation_config.json', 'chat_template.jinja'],
];

/**
 * Fetches a model from the Hugging Face hub into a folder, unless it is there, and opens the folder. A file
 * appears when it is complete and checked: by its size, by its SHA-256 where the hub gives it, and by its
 * contents. What an interruption has left is gone on with the next time.
 *
 * @param id such as `owner/name`
 * @throws TransPruneError INVALID_ARGUMENT for something that is no id or revision, NOT_FOUND for a file
 *   that the hub doesn't have or give out, and offline for one that is not there, DOWNLOAD_FAILED for one that
 *   doesn't come as it should, INVALID_MODEL for weights outside the model's folder, WRITE_FAILED if a file
 *   can't be stored; the signal's reason when it is aborted
 */
export async function downloadModel(
  id: string,
  options: DownloadOptions = {},
): Promise<DownloadedModel> {
  const store = storeOf(id, options);
  const { format, graphs = graphNames, onFormats } = options;
  const local = await localFormats(store, graphs, format);
  if (local) {
    onFormats?.(local);
    return openStore(store, local);
  }
  if (options.offline ?? isOfflineByDefault()) throw await missingOffline(store);
  const listing = await listRepository(store);
  for (const path of requiredFiles) await require(store, listing, { path });
  for (const path of optionalFiles) {
    if (!listing || listing.has(path)) await fetchListed(store, listing, { path });
  }
  const formats = await remoteFormats(store, listing, graphs, format);
  onFormats?.(formats);
  for (const name of graphs) {
    const path = graphPath(name, formats[name]);
    await require(store, listing, { path });
    const data = await dataOf(join(store.folder, path));
    for (const [location, leastBytes] of data) {
      await require(store, listing, { path: location, leastBytes });
    }
  }
  return openStore(store, formats);
}

function storeOf(id: string, options: DownloadOptions): Store {
  const { revision = 'main', cacheFolder = defaultCacheFolder() } = options;
  const host = checkHost(options.host ?? defaultHost());
  const folder = join(
    cacheFolder,
    ...checkModelId(id).split('/'),
    encodeURIComponent(checkRevision(revision)),
  );
  const { token = defaultToken(), signal, onProgress, onRetry } = options;
  return {
    ...{ id, revision, host, folder },
    policy: { ...defaultPolicy(), ...options.policy },
    ...(token && { token }),
    ...(signal && { signal }),
    ...(onProgress && { onProgress }),
    ...(onRetry && { onRetry }),
  };
}

function checkHost(host: string): string {
  if (URL.canParse(host) && /^https?:$/.test(new URL(host).protocol)) return host;
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    `expected the address of a server such as https://huggingface.co, got ${JSON.stringify(host)}; check HF_ENDPOINT`,
    { host },
  );
}

async function openStore({ folder }: Store, formats: ChosenFormats): Promise<DownloadedModel> {
  return { ...(await modelFolder(folder, { format: formats })), folder, formats };
}

/**
 * What is in the store, if nothing is missing. Graphs come last, so optional files that are not there are
 * not in the repository.
 */
async function localFormats(
  { folder }: Store,
  graphs: readonly GraphName[],
  format: FormatChoice | undefined,
): Promise<ChosenFormats | undefined> {
  const isThere = (path: string, leastBytes?: number) =>
    isGood(join(folder, path), path, leastBytes);
  for (const path of requiredFiles) if (!(await isThere(path))) return undefined;
  const isComplete = async (path: string) => {
    const data = await dataOf(join(folder, path)).catch(() => undefined);
    if (!data) return false;
    for (const [location, leastBytes] of data) {
      if (!(await isThere(location, leastBytes))) return false;
    }
    return true;
  };
  try {
    return await chooseFormats(graphs, format, isComplete);
  } catch (cause) {
    if (cause instanceof NoFormat) return undefined;
    throw cause;
  }
}

/** A graph's data files by their paths in the repository, and what it refers to in each, in bytes. */
async function dataOf(graph: string): Promise<[string, number][]> {
  const extents = externalExtents(decodeModel(await readFile(graph)));
  return [...extents].map(([location, bytes]) => [`onnx/${checkLocation(location)}`, bytes]);
}

async function remoteFormats(
  store: Store,
  listing: Listing | undefined,
  graphs: readonly GraphName[],
  format: FormatChoice | undefined,
): Promise<ChosenFormats> {
  try {
    // Without a list, asking whether a file is there and asking for it come to the same.
    const has = (path: string) => listing?.has(path) ?? downloadFile(store, { path });
    return await chooseFormats(graphs, format, has);
  } catch (cause) {
    if (!(cause instanceof NoFormat)) throw cause;
    const graphs = [...(listing?.keys() ?? [])].filter((path) => path.endsWith('.onnx'));
    const there = graphs.length > 0 ? `; there are ${graphs.slice(0, 20).join(', ')}` : '';
    throw new TransPruneError(
      'NOT_FOUND',
      `expected ${cause.tried.join(' or ')} in the model ${store.id}, found none${there}; check the id and the format`,
      { id: store.id, graph: cause.graph, tried: cause.tried, found: graphs },
    );
  }
}

/** Fetches a file with what is listed of it. */
function fetchListed(
  store: Store,
  listing: Listing | undefined,
  request: FileRequest,
): Promise<boolean> {
  const expected = listing?.get(request.path);
  return downloadFile(store, { ...request, ...(expected && { expected }) });
}

async function require(
  store: Store,
  listing: Listing | undefined,
  request: FileRequest,
): Promise<void> {
  if (await fetchListed(store, listing, request)) return;
  const { id, revision, host } = store;
  const url = remoteUrl(id, request.path, revision, { host });
  throw new TransPruneError(
    'NOT_FOUND',
    `expected ${request.path} in the model ${id}, found none at ${url}; check the id, the revision and the format`,
    { id, file: request.path },
  );
}

async function missingOffline({ id, folder }: Store): Promise<TransPruneError> {
  return new TransPruneError(
    'NOT_FOUND',
    `expected all files of ${id} in ${folder}, as nothing may be asked of the network (HF_HUB_OFFLINE, offline), but some are missing; fetch the model once with the network`,
    { id, folder },
  );
}
