import { TransPruneError } from '@transprune/core';
import { decodeModel, externalLocations } from '@transprune/onnx';
import { type FormatChoice, graphPath, type VlmFiles } from './files.js';

export interface RemoteOptions extends Host {
  /** Branch, tag or commit; `main` if left out. */
  readonly revision?: string;
  /** Which of the graphs' files to take; float32 if left out. */
  readonly format?: FormatChoice;
}

/** The Hugging Face hub. */
const hub = 'https://huggingface.co';

/** Where a repository's files are below a server with the hub's layout. */
const folderTemplate = '{model}/resolve/{revision}/';

/** A server that models are on. */
export interface Host {
  /** Its address; the Hugging Face hub if left out. */
  readonly host?: string;
  /** Folder of a model below it, with {model} and {revision}; the hub's layout if left out. */
  readonly pathTemplate?: string;
}

/** Address of a file of a model. */
export function remoteUrl(
  id: string,
  path: string,
  revision = 'main',
  { host = hub, pathTemplate = folderTemplate }: Host = {},
): string {
  const folder = pathTemplate
    .replaceAll('{model}', id)
    .replaceAll('{revision}', encodeURIComponent(revision));
  return new URL(`${folder.replace(/\/?$/, '/')}${path}`, host.replace(/\/?$/, '/')).href;
}

/**
 * A model on the hub or on a static server, graphs held in memory. Meant for browsers; nothing but
 * what transformers.js itself caches is kept.
 *
 * @param id such as `owner/name`
 */
export function remoteModel(
  id: string,
  { revision, format, ...host }: RemoteOptions = {},
): VlmFiles {
  const url = (path: string) => remoteUrl(id, path, revision, host);
  return {
    pretrained: id,
    localOnly: false,
    ...(revision !== undefined && { revision }),
    async readText(path) {
      const response = await fetchFile(url(path));
      return response?.text();
    },
    async graph(name) {
      const path = graphPath(name, format);
      const bytes = await requireBytes(url(path));
      const data = await Promise.all(
        externalLocations(decodeModel(bytes)).map(async (location) => [
          location,
          await requireBytes(url(`onnx/${checkLocation(location)}`)),
        ]),
      );
      return { bytes, externalData: Object.fromEntries(data) };
    },
  };
}

/**
 * Asks a server for a file.
 *
 * @returns undefined if it has none
 * @throws TransPruneError NOT_FOUND if it can't be reached or doesn't give the file out
 */
export async function fetchFile(
  url: string,
  headers?: Readonly<Record<string, string>>,
): Promise<Response | undefined> {
  let response: Response;
  try {
    response = await fetch(url, headers ? { headers } : {});
  } catch (cause) {
    throw new TransPruneError(
      'NOT_FOUND',
      `expected ${url} to answer, got no connection; check the network, or load the model from a folder`,
      { url },
      { cause },
    );
  }
  if (response.status === 404) return undefined;
  if (!response.ok) {
    throw new TransPruneError(
      'NOT_FOUND',
      `expected ${url} to give out a file, got status ${response.status}; a model that is private or gated (401, 403) needs a token`,
      { url, status: response.status },
    );
  }
  return response;
}

/**
 * Makes sure that a data file is named as one in its model's folder or below.
 *
 * @throws TransPruneError INVALID_MODEL for a path that leads out of the folder, and for none
 */
export function checkLocation(location: string): string {
  const parts = location.split(/[\\/]/);
  const leadsOut = parts.includes('..') || parts[0] === '' || location.includes(':');
  if (leadsOut || location.includes('\0') || parts.every((part) => part === '.')) {
    throw new TransPruneError(
      'INVALID_MODEL',
      `expected the model's weights in files below its own folder, got ${JSON.stringify(location)}; export the model again with its weights beside it`,
      { location },
    );
  }
  return location;
}

async function requireBytes(url: string): Promise<Uint8Array> {
  const response = await fetchFile(url);
  if (!response) {
    throw new TransPruneError(
      'NOT_FOUND',
      `expected a graph at ${url}, found none; check the model's id and the format`,
      { url },
    );
  }
  return new Uint8Array(await response.arrayBuffer());
}
