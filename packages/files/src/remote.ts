import { TransPruneError } from '@transprune/core';
import { decodeModel, encodeModel, externalLocations } from '@transprune/onnx';
import { type Host, remoteUrl } from './address.js';
import { type FormatChoice, type GraphName, graphPath, type VlmFiles } from './files.js';

export interface RemoteOptions extends Host {
  /** Branch, tag or commit; `main` if left out. */
  readonly revision?: string;
  /** Which of the graphs' files to take; float32 if left out. */
  readonly format?: FormatChoice;
}

/**
 * A model on the hub, or on a server with its layout; graphs are held in memory.
 *
 * @param id such as `owner/name`
 */
export function remoteModel(
  id: string,
  { revision, format, ...host }: RemoteOptions = {},
): VlmFiles {
  return filesAt(id, (path) => remoteUrl(id, path, revision, host), format);
}

/** A model in a folder of a server, laid out as on the hub; graphs are held in memory. */
export function remoteFolder(
  address: string,
  { format }: { readonly format?: FormatChoice } = {},
): VlmFiles {
  const base = address.replace(/\/?$/, '/');
  return filesAt(address, (path) => new URL(path, base).href, format);
}

function filesAt(name: string, url: (path: string) => string, format?: FormatChoice): VlmFiles {
  const read = async (graph: GraphName) => {
    const bytes = await requireBytes(url(graphPath(graph, format)));
    const model = decodeModel(bytes);
    const data = await Promise.all(
      externalLocations(model).map(
        async (location) =>
          [location, await requireBytes(url(`onnx/${checkLocation(location)}`))] as const,
      ),
    );
    return { bytes, model, externalData: Object.fromEntries(data) };
  };
  return {
    name,
    async readText(path) {
      const response = await fetchFile(url(path));
      return response?.text();
    },
    async graph(graph) {
      const { bytes, externalData } = await read(graph);
      return { bytes, externalData };
    },
    async rewrite(graph, change) {
      const { model, externalData } = await read(graph);
      const source = { bytes: encodeModel(change(model)), externalData };
      return { source, dispose: async () => {} };
    },
  };
}

/**
 * Asks a server for a file.
 *
 * @returns undefined if it has none; a web page in its place, as servers of single-page applications send
 *   it, is none
 * @throws TransPruneError NOT_FOUND if it can't be reached or withholds the file, DOWNLOAD_FAILED with the
 *   status if it has a fault of its own
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
  const { status } = response;
  if (status === 404) return undefined;
  if (!response.ok) {
    const isWithheld = status === 401 || status === 403;
    throw new TransPruneError(
      isWithheld ? 'NOT_FOUND' : 'DOWNLOAD_FAILED',
      `expected ${url} to give out a file, got status ${status}; ${isWithheld ? 'a model that is private or gated needs a token' : 'try again later'}`,
      { url, status },
    );
  }
  if (response.headers.get('content-type')?.startsWith('text/html')) return undefined;
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
