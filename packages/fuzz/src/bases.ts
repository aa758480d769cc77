/** Decoders that mutations start from: what exporters write and what is built here. */
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { caseFile, exportedDecoders, hubFolder, tinyDecoder } from '@transprune/fixtures';
import {
  type BuildOptions,
  buildDecoder,
  decodeModel,
  externalLocations,
  layersAfterPrunes,
  namedRandomWeights,
  type OnnxModel,
  readDecoder,
} from '@transprune/onnx';

export interface Base {
  readonly name: string;
  readonly model: OnnxModel;
  /** Contents of the files that hold its weights. */
  readonly externalData: Readonly<Record<string, Uint8Array>>;
  /** The residual stream between layers: what follows layer 1 (counted from 1), layer 2, and so on. */
  readonly streams: readonly string[];
  /** Layers, from 1, that may follow a prune. */
  readonly afterPrunes: readonly number[];
}

const cases = [
  'deepstack/qwen3vl-mobius.onnx',
  'fused-matmul/qwen3-ts17-ort-extended.onnx',
  'gated-attention/qwen35-ts17.onnx',
  'hybrid/qwen35-genai-hybrid.onnx',
  'moe/qwen3moe-ts17.onnx',
  'packed-weight-in-graph/llava-mobius-webgpu.onnx',
  'parallel/phi-ts17.onnx',
  'post-norm/olmo2-ts17.onnx',
];

/** Files whose numbers are float32: what others round would hide small differences. */
const paths: readonly string[] = [
  ...exportedDecoders.filter(({ precision }) => precision === 'float32').map(({ path }) => path),
  ...cases.map(caseFile),
  ...(['gemma4', 'lfm2_vl', 'qwen3_5'] as const).map(
    (name) => `${hubFolder(name)}/onnx/decoder_model_merged.onnx`,
  ),
];

/** Layouts of this project's builder, whose attention is an operator of ONNX Runtime's. */
const layouts: readonly BuildOptions[] = [
  { projections: 'packed' },
  { projections: 'split', norms: 'separate' },
  { rotary: 'separate' },
  { attention: 'multi-head', norms: 'separate' },
];

export const baseCount = paths.length + layouts.length;

/** @param index from 0 to `baseCount` - 1 */
export function readBase(index: number): Base {
  const path = paths[index];
  return path === undefined ? builtBase(index - paths.length) : fileBase(path);
}

function fileBase(path: string): Base {
  const model = decodeModel(readFileSync(path));
  const files = externalLocations(model).map(
    (location) => [location, readFileSync(join(dirname(path), location))] as const,
  );
  return {
    name: `${basename(dirname(path))}/${basename(path)}`,
    model,
    externalData: Object.fromEntries(files),
    ...depthsOf(model),
  };
}

function builtBase(index: number): Base {
  const options = layouts[index];
  if (!options) throw new RangeError(`no decoder ${index + paths.length}`);
  const config = { ...tinyDecoder, kvHeads: tinyDecoder.heads };
  const model = buildDecoder(config, namedRandomWeights(1), options);
  const name = `built with ${Object.values(options).join(', ')}`;
  return { name, model, externalData: {}, ...depthsOf(model) };
}

function depthsOf(model: OnnxModel): Pick<Base, 'streams' | 'afterPrunes'> {
  const decoder = readDecoder(model);
  const [, ...layers] = decoder.layers;
  const streams = layers.map(({ streamIn }) => streamIn);
  return { streams, afterPrunes: layersAfterPrunes(decoder) };
}
