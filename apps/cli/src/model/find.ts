/** Models by what users call them: a folder, a decoder's file, or an id on the hub. */
import { stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { TransPruneError } from '@transprune/core';
import { checkModelId, type GraphName, graphNames, type VlmFiles } from '@transprune/files';
import type { Io } from '../io.js';
import type { FileOptions } from '../options/model-options.js';
import { finishFirst } from '../pending.js';
import { createDownloadReport } from '../show/download.js';
import type { Terminal } from '../terminal.js';

/** What finding a model may do besides. */
export interface Surroundings {
  readonly io: Io;
  readonly terminal: Terminal;
}

/**
 * Finds a model's files; those of the hub are fetched unless they are here.
 *
 * @param name a folder, or `owner/name`; the small model that comes along if left out
 * @param graphs what is needed of it; all if left out, none for its configuration alone
 * @throws TransPruneError NOT_FOUND for a name that is neither, INVALID_ARGUMENT for options that do not go with
 *   it, and as `openModel` of `@transprune/files/node` does
 */
export async function findModel(
  name: string | undefined,
  options: FileOptions,
  surroundings: Surroundings,
  graphs: readonly GraphName[] = graphNames,
): Promise<VlmFiles> {
  const place = await placeOf(name, options);
  if ('hub' in place) return fetchModel(place.hub, options, surroundings, graphs);
  return openFolder('folder' in place ? place.folder : place.file, options, surroundings, graphs);
}

/**
 * Path of a decoder: a file, or that of a model.
 *
 * @throws TransPruneError as `findModel` does
 */
export async function findDecoder(
  name: string | undefined,
  options: FileOptions,
  surroundings: Surroundings,
): Promise<string> {
  const place = await placeOf(name, options);
  if ('file' in place) {
    refuseOptions(options, ['revision', 'format', 'offline'], `the file ${place.file}`);
    return place.file;
  }
  return decoderPath(await findModel(name, options, surroundings, ['decoder_model_merged']));
}

/** Path of the decoder among a model's files. */
export async function decoderPath(files: VlmFiles): Promise<string> {
  const source = await files.graph('decoder_model_merged');
  if ('path' in source) return source.path;
  throw new Error(`expected the decoder of ${files.name} to be a file`);
}

type Place = { readonly hub: string } | { readonly folder: string } | { readonly file: string };

/**
 * What is here goes before the hub, as in other tools; `./owner/name` is always a path, and a name with
 * `--revision` always an id.
 */
async function placeOf(name: string | undefined, { revision }: FileOptions): Promise<Place> {
  if (name === undefined) {
    const { modelDirectory } = await import('@transprune/embedded-model');
    return { folder: modelDirectory };
  }
  if (revision !== undefined && isId(name)) return { hub: name };
  const found = await stat(name).catch(() => undefined);
  if (found) return found.isDirectory() ? { folder: name } : { file: name };
  if (isId(name)) return { hub: name };
  throw new TransPruneError(
    'NOT_FOUND',
    `expected a model: a folder, or an id on the hub such as owner/name; got ${name}, ${isPath(name) ? 'and nothing is there' : 'which is neither'}`,
    { model: name },
  );
}

const isPath = (name: string) =>
  isAbsolute(name) || /^[.~]|\\|\.onnx$/.test(name) || name.split('/').length > 2;

/** True for two parts with a slash between them, unless they can only be a path. */
function isId(name: string): boolean {
  if (isPath(name) || name.split('/').length !== 2) return false;
  try {
    return checkModelId(name) === name;
  } catch {
    return false;
  }
}

/** @throws TransPruneError INVALID_ARGUMENT for the first option that is given */
export function refuseOptions(
  options: FileOptions,
  names: readonly (keyof FileOptions)[],
  what: string,
): void {
  const given = names.find((name) => options[name] !== undefined);
  if (given === undefined) return;
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    `expected a model on the hub with --${given}, got ${what}; leave --${given} out`,
    { option: `--${given}` },
  );
}

async function openFolder(
  folder: string,
  options: FileOptions,
  { terminal }: Surroundings,
  graphs: readonly GraphName[],
): Promise<VlmFiles> {
  refuseOptions(options, ['revision'], `the folder ${folder}`);
  const { folderFormats, modelFolder } = await import('@transprune/files/node');
  const { format } = options;
  const formats = await folderFormats(folder, format, graphs);
  const isPlain = formats && Object.values(formats).every((each) => each === 'fp32');
  if (formats && !isPlain) terminal.info(formatsLine(folder, formats));
  const chosen = formats ?? format;
  return modelFolder(folder, { ...(chosen && { format: chosen }) });
}

async function fetchModel(
  id: string,
  { revision = 'main', format, offline }: FileOptions,
  { io, terminal }: Surroundings,
  graphs: readonly GraphName[],
): Promise<VlmFiles> {
  const { downloadModel } = await import('@transprune/files/node');
  const report = createDownloadReport(id, revision, terminal);
  const model = await finishFirst(
    downloadModel(id, {
      ...{ revision, graphs, signal: io.signal },
      ...(format && { format }),
      ...(offline && { offline }),
      onFormats: (formats) => {
        if (graphs.length > 0) terminal.info(formatsLine(id, formats));
      },
      onProgress: report.progress,
      onRetry: report.retry,
    }),
  );
  report.end();
  return model;
}

const graphWords: Readonly<Record<GraphName, string>> = {
  vision_encoder: 'vision encoder',
  embed_tokens: 'embeddings',
  decoder_model_merged: 'decoder',
};

/** Which files were chosen, in words. */
function formatsLine(model: string, formats: Readonly<Partial<Record<GraphName, string>>>): string {
  const parts = graphNames.flatMap((graph) =>
    formats[graph] === undefined ? [] : [`${graphWords[graph]} ${formats[graph]}`],
  );
  return `${model}: ${parts.join(', ')}`;
}
