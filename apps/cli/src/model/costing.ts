/** What a budget is counted with: a model's sizes, and a prompt's. */
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TransPruneError } from '@transprune/core';
import type { VlmFiles } from '@transprune/files';
import { type Model, modelFromConfig } from '@transprune/flops';
import type { Decoder } from '@transprune/onnx';
import { defaultTextTokens } from '../options/token-options.js';
import { decoderModel, descriptionOf } from './sizes.js';

export interface Costing {
  readonly model: Model;
  readonly imageTokens: number;
  readonly textTokens: number;
  /** Where the number of image tokens comes from. */
  readonly imageAssumption: string;
}

interface Tokens {
  readonly imageTokens?: number;
  readonly textTokens: number;
}

/** LLaVA-1.5's, for decoders that do not say how many they are fed. */
export const defaultImageTokens = 576;

/** Of a decoder by itself. */
export function decoderCosting(
  name: string,
  decoder: Decoder,
  { imageTokens: asked, textTokens }: Tokens,
): Costing {
  const imageTokens = asked ?? defaultImageTokens;
  const model = decoderModel(name, descriptionOf(decoder), imageTokens);
  const imageAssumption =
    asked === undefined ? 'assumed, as many as LLaVA-1.5 makes' : askedAssumption;
  return { model, imageTokens, textTokens, imageAssumption };
}

/** Where the number of image tokens comes from if the user gave it. */
export const askedAssumption = 'as asked for by --image-tokens';

/**
 * Of a whole model, for one picture: the decoder's sizes are the graph's; the vision encoder's, and how many tokens a
 * picture becomes, are in `config.json`, and taken from there where that is understood.
 */
export async function modelCosting(files: VlmFiles, decoder: Decoder): Promise<Costing> {
  const tokens = { textTokens: defaultTextTokens };
  return costingBy(await files.readText('config.json'), files.name, decoder, tokens);
}

/**
 * Of the model that a decoder's file belongs to, as its `config.json` beside the file describes it, or above the
 * folder `onnx`; of the decoder by itself where there is none.
 */
export async function fileCosting(
  path: string,
  decoder: Decoder,
  tokens: Tokens,
): Promise<Costing> {
  return costingBy((await configOf(path))?.text, path, decoder, tokens);
}

/** The folder of the model that a decoder's file belongs to; undefined where no `config.json` tells it. */
export async function modelFolder(path: string): Promise<string | undefined> {
  return (await configOf(path))?.folder;
}

async function configOf(path: string) {
  const folder = dirname(path);
  const folders = basename(folder) === 'onnx' ? [folder, dirname(folder)] : [folder];
  const texts = await Promise.all(
    folders.map((each) => readFile(join(each, 'config.json'), 'utf8').catch(() => undefined)),
  );
  return folders.flatMap((each, at) => {
    const text = texts[at];
    return text === undefined ? [] : [{ folder: each, text }];
  })[0];
}

function costingBy(
  config: string | undefined,
  name: string,
  decoder: Decoder,
  tokens: Tokens,
): Costing {
  const alone = decoderCosting(name, decoder, tokens);
  const configured = config === undefined ? undefined : configuredModel(config);
  if (!configured) return alone;
  const model = { ...configured, decoder: descriptionOf(decoder) };
  if (tokens.imageTokens !== undefined) return { ...alone, model };
  const { imageTokens, imageAssumption } = configured;
  return { ...alone, model, imageTokens, imageAssumption };
}

/** The model as its `config.json` describes it; undefined where that is not understood. */
function configuredModel(text: string): Model | undefined {
  try {
    return modelFromConfig(JSON.parse(text));
  } catch (error) {
    if (TransPruneError.isInstance(error) || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
