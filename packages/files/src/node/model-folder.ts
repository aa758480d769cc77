import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { TransPruneError } from '@transprune/core';
import {
  type FormatChoice,
  type GraphName,
  graphNames,
  graphPath,
  type VlmFiles,
} from '../files.js';
import { type ChosenFormats, chooseFormats, NoFormat } from './hub/formats.js';
import { checkModelFile, readModelFile } from './model-file.js';
import { temporaryFolders, temporaryModel } from './temporary.js';

export interface FolderOptions {
  /** Which of the graphs' files to take; float32 if left out. */
  readonly format?: FormatChoice;
}

/**
 * A model in a folder, laid out as on the Hugging Face hub: configs and tokenizer beside each other,
 * graphs under `onnx/`. Nothing is looked up on the network.
 *
 * @throws TransPruneError NOT_FOUND if there is no such folder
 */
export async function modelFolder(
  path: string,
  { format = 'fp32' }: FolderOptions = {},
): Promise<VlmFiles> {
  const folder = resolve(path);
  const found = await stat(folder).catch(() => undefined);
  if (!found?.isDirectory()) {
    throw new TransPruneError(
      'NOT_FOUND',
      `expected a model folder at ${path}, got ${found ? 'a file' : 'nothing'}; name the folder that holds config.json`,
      { path },
    );
  }
  const pathOf = async (name: GraphName) => {
    const graph = join(folder, graphPath(name, format));
    const others = await graphFiles(dirname(graph), name);
    if (others.length > 0 && !others.includes(basename(graph))) {
      throw new TransPruneError(
        'NOT_FOUND',
        `expected ${graph}, found only ${others.join(', ')}; choose the format that the ending stands for`,
        { path: graph, found: others },
      );
    }
    await checkModelFile(graph);
    return graph;
  };
  return {
    name: folder,
    async readText(name) {
      const file = join(folder, name);
      try {
        // A pipe or a device might never end.
        return (await stat(file)).isFile() ? await readFile(file, 'utf8') : undefined;
      } catch {
        return undefined;
      }
    },
    graph: async (name) => ({ path: await pathOf(name) }),
    async rewrite(name, change) {
      const original = await pathOf(name);
      const changed = change(await readModelFile(original));
      const folders = temporaryFolders();
      try {
        const source = await temporaryModel(changed, original, folders);
        return { source, dispose: folders.remove };
      } catch (error) {
        await folders.remove();
        throw error;
      }
    },
  };
}

/**
 * The formats that a model in a folder would be opened in.
 *
 * @param graphs those that are asked for; all if left out
 * @param format as in `DownloadOptions`
 * @returns undefined if a graph is there in none that would do; opening it says so
 */
export async function folderFormats(
  path: string,
  format: FormatChoice | undefined,
  graphs: readonly GraphName[] = graphNames,
): Promise<ChosenFormats | undefined> {
  const has = async (file: string) => {
    const found = await stat(join(path, file)).catch(() => undefined);
    return found?.isFile() ?? false;
  };
  try {
    return await chooseFormats(graphs, format, has);
  } catch (cause) {
    if (cause instanceof NoFormat) return undefined;
    throw cause;
  }
}

/** The formats that a graph is there in. */
async function graphFiles(folder: string, name: string): Promise<string[]> {
  const files = await readdir(folder).catch(() => []);
  return files.filter((file) => file.startsWith(name) && file.endsWith('.onnx'));
}
