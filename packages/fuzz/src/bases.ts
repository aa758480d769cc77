/** Decoders that mutations start from: what exporters write and what is built here. */
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { caseFile, exportedDecoders, tinyDecoder } from '@transprune/fixtures';
import {
  type BuildOptions,
  buildDecoder,
  decodeModel,
  externalLocations,
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
}

const cases = [
  'deepstack/qwen3vl-mobius.onnx',
  'fused-matmul/qwen3-ts17-ort-extended.onnx',
  'gated-attention/qwen35-ts17.onnx',
  'packed-weight-in-graph/llava-mobius-webgpu.onnx',
  'post-norm/olmo2-ts17.onnx',
];

/** Files whose numbers are float32: what others round would hide small differences. */
const paths: readonly string[] = [
  ...exportedDecoders.filter(({ precision }) => precision === 'float32').map(({ path }) => path),
  ...cases.map(caseFile),
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
    streams: streamsOf(model),
  };
}

function builtBase(index: number): Base {
  const options = layouts[index];
  if (!options) throw new RangeError(`no decoder ${index + paths.length}`);
  const config = { ...tinyDecoder, kvHeads: tinyDecoder.heads };
  const model = buildDecoder(config, namedRandomWeights(1), options);
  const name = `built with ${Object.values(options).join(', ')}`;
  return { name, model, externalData: {}, streams: streamsOf(model) };
}

function streamsOf(model: OnnxModel): string[] {
  const [, ...layers] = readDecoder(model).layers;
  return layers.map(({ streamIn }) => streamIn);
}
