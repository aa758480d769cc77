/** The embedded model; its decoder is built here, from the weights. */
import { decoderConfig, readSafetensors } from '@transprune/core';
import type { GraphName, VlmFiles } from '@transprune/files';
import { modelFromConfig } from '@transprune/flops';
import { buildDecoder, checkpointWeights, encodeModel, type OnnxModel } from '@transprune/onnx';

export interface EmbeddedModel {
  readonly files: VlmFiles;
  readonly decoder: OnnxModel;
  readonly sizes: ReturnType<typeof modelFromConfig>;
}

/** The model of its files' contents, by path. */
export function embeddedModel(contents: ReadonlyMap<string, Uint8Array>): EmbeddedModel {
  const bytesOf = (path: string) => contents.get(path) ?? new Uint8Array();
  const textOf = (path: string) => new TextDecoder().decode(bytesOf(path));
  const config = JSON.parse(textOf('config.json'));
  const weights = readSafetensors(bytesOf('weights/decoder.safetensors'));
  const decoder = buildDecoder(decoderConfig(config), checkpointWeights(weights));
  const bytesOfGraph = (name: GraphName) =>
    name === 'decoder_model_merged' ? encodeModel(decoder) : bytesOf(`onnx/${name}.onnx`);
  const files: VlmFiles = {
    name: 'the embedded model',
    readText: async (path) => (contents.has(path) ? textOf(path) : undefined),
    graph: async (name) => ({ bytes: bytesOfGraph(name) }),
    rewrite() {
      throw new Error('expected decoders to be rewritten from the one that was built');
    },
  };
  return { files, decoder, sizes: modelFromConfig(config) };
}
