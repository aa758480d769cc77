/** Models by their names on the command line, and what is told of it. */
import { TransPruneError } from '@transprune/core';
import { type GraphName, graphNames, type VlmFiles } from '@transprune/files';
import type { ModelPlace } from '@transprune/files/node';
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
 * @param name a folder, or `owner/name`; if left out what `TRANSPRUNE_MODEL` names, or the small model that comes along
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
  const place = await findPlace(name, options, surroundings);
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
  const place = await findPlace(name, options, surroundings).catch((error: unknown) => {
    throw orFile(error);
  });
  if ('file' in place) {
    refuseOptions(options, ['format', 'offline'], `the file ${place.file}`);
    return place.file;
  }
  return decoderPath(await findModel(name, options, surroundings, ['decoder_model_merged']));
}

/** What is told of a model that is not there, where a file will do too. */
function orFile(error: unknown): unknown {
  if (!TransPruneError.isInstance(error) || error.code !== 'NOT_FOUND') return error;
  const message = error.message.replace(
    'expected a model: a folder,',
    'expected a decoder: an .onnx file, a model folder,',
  );
  return new TransPruneError('NOT_FOUND', message, error.data, { cause: error });
}

/** Path of the decoder among a model's files. */
export async function decoderPath(files: VlmFiles): Promise<string> {
  const source = await files.graph('decoder_model_merged');
  if ('path' in source) return source.path;
  throw new Error(`expected the decoder of ${files.name} to be a file`);
}

/** What a model is called in what is written about it. */
export const calledModel = (name: string | undefined, { env }: Io): string =>
  name ?? (env.TRANSPRUNE_MODEL || 'embedded-model');

/**
 * Without a name it is that in `TRANSPRUNE_MODEL`, or else the small model that comes along.
 *
 * @throws TransPruneError as `namedPlace` does
 */
async function findPlace(
  name: string | undefined,
  { revision }: FileOptions,
  { io }: Surroundings,
): Promise<ModelPlace> {
  const { namedPlace, placeOf } = await import('@transprune/files/node');
  const named = await namedPlace(name, revision, io.env);
  return named ?? placeOf((await import('@transprune/embedded-model')).modelDirectory, revision);
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
  { format }: FileOptions,
  { terminal }: Surroundings,
  graphs: readonly GraphName[],
): Promise<VlmFiles> {
  const { openModel } = await import('@transprune/files/node');
  return openModel(
    { folder, ...(format && { format }) },
    {
      graphs,
      onFormats(formats) {
        const isPlain = Object.values(formats).every((each) => each === 'fp32');
        if (!isPlain) terminal.info(formatsLine(folder, formats));
      },
    },
  );
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
