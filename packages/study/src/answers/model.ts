/** The embedded model, opened as often as answers are to be computed at once. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createNodeBackend } from '@transprune/backend-node';
import {
  decoderConfig,
  type PrunePlan,
  type Reduction,
  readSafetensors,
  settlePlan,
} from '@transprune/core';
import { modelDirectory, readEvaluation } from '@transprune/embedded-model';
import { modelFolder } from '@transprune/files/node';
import { type Model, modelFromConfig } from '@transprune/flops';
import {
  type BuildOptions,
  buildDecoder,
  checkpointWeights,
  decodeModel,
  encodeModel,
  type OnnxModel,
  pruneModel,
  readDecoder,
} from '@transprune/onnx';
import { createEngine, type LocalEngine } from '@transprune/vlm';

/** All features of the held-out pictures, so that each is encoded once. */
const visionCacheBytes = 1e9;

export interface StudiedModel {
  /** Its config.json. */
  readonly config: Readonly<Record<string, unknown>>;
  /** For counting; the encoder of the embedded model is none that is counted. */
  readonly counted: Model;
  /** The decoder as it is. */
  readonly original: OnnxModel;
  /** Says which model and which questions these are: others have another. */
  readonly fingerprint: string;
  /** The decoder laid out otherwise, such as with weights of 4 bits. */
  build(options: BuildOptions): OnnxModel;
  /** Opens it, to run on so many threads. */
  open(options: {
    readonly threads: number;
    readonly reduction?: Reduction | undefined;
  }): Promise<LocalEngine>;
  /** The decoder, pruned. */
  prune(plan: PrunePlan): { readonly bytes: Uint8Array };
}

export async function studiedModel(): Promise<StudiedModel> {
  const files = await modelFolder(modelDirectory);
  const read = (path: string) => readFileSync(join(modelDirectory, path));
  const config = JSON.parse(read('config.json').toString());
  const original = decodeModel(read('onnx/decoder_model_merged.onnx'));
  const decoder = readDecoder(original);
  const hash = createHash('sha256');
  const parts = ['config.json', 'tokenizer.json', 'onnx/vision_encoder.onnx'];
  for (const path of [...parts, 'weights/decoder.safetensors']) hash.update(read(path));
  hash.update(JSON.stringify(readEvaluation()));
  return {
    config,
    counted: modelFromConfig(config, 'embedded-model'),
    original,
    fingerprint: hash.digest('hex'),
    build(options) {
      const weights = readSafetensors(read('weights/decoder.safetensors'));
      return buildDecoder(decoderConfig(config), checkpointWeights(weights), options);
    },
    open({ threads, reduction }) {
      const backend = createNodeBackend({ threads });
      return createEngine({ files, backend, visionCacheBytes, reduction });
    },
    prune(plan) {
      const { model } = pruneModel(original, settlePlan(plan, decoder), { trace: true });
      return { bytes: encodeModel(model) };
    },
  };
}
