/** Decoders that mutations start from: what exporters write and what is built here. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  caseDecoders,
  caseFile,
  exportedDecoders,
  hubFolder,
  tinyDecoder,
} from '@transprune/fixtures';
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
  /** The residual stream between layers, or what several predict: what follows layer 1 (counted from 1), layer 2, and so on. */
  readonly streams: readonly string[];
  /** Layers, from 1, that may follow a prune. */
  readonly afterPrunes: readonly number[];
}

/** What others round would hide small differences. */
const isExact = ({ precision }: { readonly precision: string }) => precision === 'float32';

/** Files whose numbers are float32: of every family that the fixtures have. */
const paths: readonly string[] = [
  ...exportedDecoders.filter(isExact).map(({ path }) => path),
  ...caseDecoders.filter(isExact).map(({ file }) => caseFile(file)),
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
  { architecture: { experts: { count: 4, perToken: 2 } } },
];

export const baseCount = paths.length + layouts.length;

/** @param index from 0 to `baseCount` - 1 */
export function baseName(index: number): string {
  const path = paths[index];
  return path === undefined
    ? `built with ${JSON.stringify(layoutAt(index))}`
    : path.split(/[\\/]/).slice(-3).join('/');
}

/** @param index from 0 to `baseCount` - 1 */
export function readBase(index: number): Base {
  const path = paths[index];
  const parts = path === undefined ? built(layoutAt(index)) : read(path);
  const decoder = readDecoder(parts.model);
  const [, ...layers] = decoder.layers;
  return {
    name: baseName(index),
    ...parts,
    streams: layers.map(({ stack, streamIn }) => stack?.predictions ?? streamIn),
    afterPrunes: layersAfterPrunes(decoder),
  };
}

type Parts = Pick<Base, 'model' | 'externalData'>;

function read(path: string): Parts {
  const model = decodeModel(readFileSync(path));
  const files = externalLocations(model).map(
    (location) => [location, readFileSync(join(dirname(path), location))] as const,
  );
  return { model, externalData: Object.fromEntries(files) };
}

function built(options: BuildOptions): Parts {
  const config = { ...tinyDecoder, kvHeads: tinyDecoder.heads };
  return { model: buildDecoder(config, namedRandomWeights(1), options), externalData: {} };
}

function layoutAt(index: number): BuildOptions {
  const layout = layouts[index - paths.length];
  if (!layout) throw new RangeError(`no decoder ${index}`);
  return layout;
}
