/** The sizes of a model by what users call it; of its files only `config.json` is read. */
import { readFile, stat } from 'node:fs/promises';
import { TransPruneError } from '@transprune/core';
import { type Model, modelFromConfig, modelNames, modelPreset } from '@transprune/flops';
import type { HubOptions } from '../options/model-options.js';
import { findModel, refuseOptions, type Surroundings } from './find.js';

/**
 * @param name a published model's, a JSON file, a folder, or `owner/name` on the hub
 * @throws TransPruneError INVALID_ARGUMENT for a name that is none of them, NOT_FOUND for one without `config.json`,
 *   INVALID_MODEL and UNSUPPORTED_MODEL as `modelFromConfig` does, and as `findModel` does
 */
export async function findSizes(
  name: string,
  options: HubOptions,
  around: Surroundings,
): Promise<Model> {
  const isFile = name.endsWith('.json');
  if (isFile || (!/[/\\]/.test(name) && !(await isFolder(name)))) {
    refuseOptions(options, ['revision', 'offline'], name);
    return isFile ? fromText(await readConfig(name), name) : modelPreset(name);
  }
  const files = await findModel(name, options, around, []);
  const text = await files.readText('config.json');
  if (text !== undefined) return fromText(text, name);
  throw new TransPruneError(
    'NOT_FOUND',
    `expected a config.json in ${files.name}, found none; name the folder that holds it, or one of ${modelNames.join(', ')}`,
    { model: name },
  );
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

async function readConfig(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new TransPruneError(
      'NOT_FOUND',
      `there is no readable file ${path}; give a config.json, or one of ${modelNames.join(', ')}`,
      { path },
      { cause },
    );
  }
}

function fromText(text: string, name: string): Model {
  try {
    return modelFromConfig(JSON.parse(text), name);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new TransPruneError(
      'INVALID_MODEL',
      `expected ${name} to be a config.json, got something that is not JSON (${error.message})`,
      { path: name },
      { cause: error },
    );
  }
}
