import { createWriteStream } from 'node:fs';
import { access, mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { TransPruneError } from '@transprune/core';
import { externalLocations } from '@transprune/onnx';
import {
  checkLocation,
  type FormatChoice,
  fetchFile,
  graphNames,
  graphPath,
  remoteUrl,
  type VlmFiles,
} from '../index.js';
import { readModelFile } from './model-file.js';
import { modelFolder } from './model-folder.js';

export interface DownloadProgress {
  /** Path in the repository. */
  readonly file: string;
  /** Bytes that are there. */
  readonly loaded: number;
  /** Bytes in all, if the server tells. */
  readonly total?: number;
}

export interface DownloadOptions {
  /** Branch, tag or commit; `main` if left out. What was fetched once is not looked up again. */
  readonly revision?: string;
  /** Which of the graphs' files to take; float32 if left out. */
  readonly format?: FormatChoice;
  /** Where models are kept; `transprune` in the user's folder for caches if left out. */
  readonly cacheFolder?: string;
  /** Server with the hub's layout; `HF_ENDPOINT` of the environment, or the hub, if left out. */
  readonly host?: string;
  /** For private and gated models; `HF_TOKEN` of the environment if left out. */
  readonly token?: string;
  readonly onProgress?: (progress: DownloadProgress) => void;
}

const requiredFiles = [
  'config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'preprocessor_config.json',
];
const optionalFiles = ['processor_config.json', 'generation_config.json', 'chat_template.jinja'];

/**
 * Fetches a model from the Hugging Face hub into a folder, unless it is there, and opens the folder.
 * A file appears when it is complete.
 *
 * @param id such as `owner/name`
 * @throws TransPruneError INVALID_ARGUMENT for something that is no id, NOT_FOUND for a file that the
 *   hub doesn't have or give out, WRITE_FAILED if it can't be stored
 */
export async function downloadModel(id: string, options: DownloadOptions = {}): Promise<VlmFiles> {
  if (!/^[\w-][\w.-]*(\/[\w-][\w.-]*)?$/.test(id)) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected the id of a model such as owner/name, got ${id}`,
      { id },
    );
  }
  const { revision = 'main', format, cacheFolder = defaultCacheFolder() } = options;
  const folder = join(cacheFolder, ...id.split('/'), encodeURIComponent(revision));
  const server = options.host ?? process.env.HF_ENDPOINT;
  const host = server === undefined ? {} : { host: server };
  const get = (path: string) =>
    download(remoteUrl(id, path, revision, host), path, folder, options);
  const require = async (path: string) => {
    if (await get(path)) return;
    throw new TransPruneError(
      'NOT_FOUND',
      `expected ${path} in the model ${id}, found none at ${remoteUrl(id, path, revision, host)}; check the id and the format`,
      { id, file: path },
    );
  };
  for (const path of requiredFiles) await require(path);
  for (const path of optionalFiles) await get(path);
  for (const name of graphNames) {
    const path = graphPath(name, format);
    await require(path);
    const model = await readModelFile(join(folder, path));
    for (const location of externalLocations(model)) {
      await require(`onnx/${checkLocation(location)}`);
    }
  }
  return modelFolder(folder, format === undefined ? {} : { format });
}

/** Where models are kept if nobody says otherwise. */
export function defaultCacheFolder(): string {
  const { TRANSPRUNE_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (TRANSPRUNE_CACHE) return TRANSPRUNE_CACHE;
  const caches = process.platform === 'win32' ? LOCALAPPDATA : XDG_CACHE_HOME;
  return join(caches || join(homedir(), '.cache'), 'transprune');
}

/** @returns false if the hub has no such file */
async function download(
  url: string,
  path: string,
  folder: string,
  { token = process.env.HF_TOKEN, onProgress }: DownloadOptions,
): Promise<boolean> {
  const target = join(folder, path);
  if (await exists(target)) return true;
  const response = await fetchFile(url, token ? { authorization: `Bearer ${token}` } : undefined);
  if (!response?.body) return false;
  const length = Number(response.headers.get('content-length') ?? Number.NaN);
  // A compressed answer is longer when it arrives than the header says.
  const total = response.headers.has('content-encoding') ? Number.NaN : length;
  const known = Number.isFinite(total) ? { total } : {};
  let loaded = 0;
  const count = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      loaded += chunk.length;
      onProgress?.({ file: path, loaded, ...known });
      done(null, chunk);
    },
  });
  const partial = `${target}.${process.pid}.part`;
  try {
    await mkdir(dirname(target), { recursive: true });
    const body = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]);
    await pipeline(body, count, createWriteStream(partial));
    if (Number.isFinite(total) && loaded !== total) {
      throw new Error(`${loaded} of ${total} bytes`);
    }
    await rename(partial, target);
    return true;
  } catch (cause) {
    await rm(partial, { force: true });
    throw new TransPruneError(
      'WRITE_FAILED',
      `expected to store ${url} at ${target}, got ${cause instanceof Error ? cause.message : cause}; try again, and check that there is room`,
      { url, path: target },
      { cause },
    );
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
