/** What a budget is counted with: a model's sizes, and a prompt's. */
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
}

/** LLaVA-1.5's, for decoders that do not say how many they are fed. */
export const defaultImageTokens = 576;

/** Of a decoder by itself. */
export function decoderCosting(
  name: string,
  decoder: Decoder,
  { imageTokens = defaultImageTokens, textTokens }: { imageTokens?: number; textTokens: number },
): Costing {
  return {
    model: decoderModel(name, descriptionOf(decoder), imageTokens),
    imageTokens,
    textTokens,
  };
}

/**
 * Of a whole model, for one picture: the decoder's sizes are the graph's; the vision encoder's, and how many tokens a
 * picture becomes, are in `config.json`, and taken from there where that is understood.
 */
export async function modelCosting(files: VlmFiles, decoder: Decoder): Promise<Costing> {
  const alone = decoderCosting(files.name, decoder, { textTokens: defaultTextTokens });
  const configured = await configuredModel(files);
  if (!configured) return alone;
  const model = { ...configured, decoder: descriptionOf(decoder) };
  return { ...alone, model, imageTokens: configured.imageTokens };
}

/** The model as its `config.json` describes it; undefined where that is not understood. */
async function configuredModel(files: VlmFiles): Promise<Model | undefined> {
  const config: unknown = JSON.parse((await files.readText('config.json')) ?? '{}');
  try {
    return modelFromConfig(config);
  } catch (error) {
    if (TransPruneError.isInstance(error)) return undefined;
    throw error;
  }
}
