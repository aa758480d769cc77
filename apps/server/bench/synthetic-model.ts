/**
 * A model of SmolVLM-256M's shape with random weights: its decoder and its vocabulary, and 1,088 image tokens for a
 * picture, as many as 17 of its tiles have. Around them is the embedded model's processor, and a vision encoder that
 * computes next to nothing: what pruning does is in the decoder.
 */
import {
  closeSync,
  cpSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { decoderConfig, uniformNoise } from '@transprune/core';
import { modelDirectory } from '@transprune/embedded-model';
import { presetConfig } from '@transprune/flops';
import {
  buildDecoder,
  createEmitter,
  decodeModel,
  encodeModel,
  type OnnxModel,
  randomWeights,
} from '@transprune/onnx';

const config = presetConfig('smolvlm-256m');
const shape = decoderConfig(config);
const { hiddenSize, vocabularySize } = shape;

const patchSize = 8;
const patches = { height: 32, width: 34 };
export const imageTokens = patches.height * patches.width;
const pixels = { height: patches.height * patchSize, width: patches.width * patchSize };

const positions = 2048;
const seed = 1;

/** Writes the model into a folder that is there. */
export function writeSyntheticModel(folder: string): void {
  cpSync(modelDirectory, folder, {
    recursive: true,
    filter: (path) => !/\.(onnx|safetensors)$/.test(path),
  });
  mkdirSync(join(folder, 'onnx'), { recursive: true });
  writeTexts(folder);
  write(folder, 'embed_tokens', embeddings());
  write(folder, 'vision_encoder', visionEncoder());
  writeDecoder(folder);
}

function writeTexts(folder: string): void {
  change(folder, 'config.json', (given) => ({
    ...given,
    image_seq_length: imageTokens,
    text_config: { ...given.text_config, ...(config.text_config as object) },
    vision_config: { ...given.vision_config, projection_dim: hiddenSize },
  }));
  change(folder, 'preprocessor_config.json', (given) => ({
    ...given,
    size: pixels,
    crop_size: pixels,
  }));
  change(folder, 'tokenizer.json', ({ model, ...rest }) => {
    const vocab = { ...model.vocab };
    for (let id = Object.keys(vocab).length; id < vocabularySize; id++) vocab[`word${id}`] = id;
    return { ...rest, model: { ...model, vocab } };
  });
}

// biome-ignore lint/suspicious/noExplicitAny: JSON of others, of which a field or two is read
type Json = any;

function change(folder: string, name: string, by: (json: Json) => Json): void {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(by(JSON.parse(readFileSync(path, 'utf8')))));
}

const graphOf = (name: string) =>
  decodeModel(readFileSync(join(modelDirectory, 'onnx', `${name}.onnx`)));

function write(folder: string, name: string, model: OnnxModel): void {
  writeFileSync(join(folder, 'onnx', `${name}.onnx`), encodeModel(model));
}

/** The embedded model's graph, its table in another size. */
function embeddings(): OnnxModel {
  const model = graphOf('embed_tokens');
  const [table] = model.graph?.initializer ?? [];
  if (!model.graph || !table) throw new Error('expected a table of embeddings');
  table.dims = [BigInt(vocabularySize), BigInt(hiddenSize)];
  table.rawData = new Uint8Array(noise(vocabularySize * hiddenSize).buffer);
  setShape(model.graph.output[0], ['batch', 'tokens', hiddenSize]);
  return model;
}

/** The embedded model's interface, and as features the same noise for every picture, brighter or darker. */
function visionEncoder(): OnnxModel {
  const model = graphOf('vision_encoder');
  const { graph } = model;
  if (!graph) throw new Error('expected a graph');
  const [input, output] = [graph.input[0], graph.output[0]];
  const emitter = createEmitter([input?.name ?? '', output?.name ?? ''], 17);
  const brightness = emitter.emit('ReduceMean', [input?.name ?? ''], {
    attributes: { axes: [1, 2, 3], keepdims: 1 },
  });
  const column = emitter.emit('Reshape', [brightness, emitter.int64([-1, 1, 1])]);
  const features = emitter.float(noise(imageTokens * hiddenSize), [1, imageTokens, hiddenSize]);
  emitter.emit('Add', [features, column], { outputs: [output?.name ?? ''] });
  setShape(input, ['batch', 3, pixels.height, pixels.width]);
  setShape(output, ['batch', imageTokens, hiddenSize]);
  Object.assign(graph, { node: emitter.nodes, initializer: emitter.initializers, valueInfo: [] });
  return model;
}

type Value = NonNullable<OnnxModel['graph']>['input'][number];

function setShape(value: Value | undefined, sizes: readonly (number | string)[]): void {
  if (value?.type?.value.case !== 'tensorType') throw new Error('expected a tensor');
  const dims = value.type.value.value.shape?.dim ?? [];
  for (const [at, size] of sizes.entries()) {
    const dim = dims[at];
    if (!dim) throw new Error(`expected ${sizes.length} dimensions of ${value.name}`);
    dim.value =
      typeof size === 'number'
        ? { case: 'dimValue', value: BigInt(size) }
        : { case: 'dimParam', value: size };
  }
}

const noise = (length: number) => Float32Array.from(uniformNoise(seed, length), (u) => 2 * u - 1);

/** Tensor by tensor, its weights beside it. */
function writeDecoder(folder: string): void {
  const location = 'decoder_model_merged.onnx_data';
  const file = openSync(join(folder, 'onnx', location), 'w');
  const append = (bytes: Uint8Array) => {
    // One call may write less than it was given.
    for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
  };
  try {
    const decoder = buildDecoder({ ...shape, maxPositions: positions }, randomWeights(seed), {
      weightFile: { location, append },
    });
    writeFileSync(join(folder, 'onnx', 'decoder_model_merged.onnx'), encodeModel(decoder));
  } finally {
    closeSync(file);
  }
}
