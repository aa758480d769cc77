/**
 * TFLOPs as printed: what `publishedCost` has to reproduce.
 *
 * Source: TransPrune (CVPR 2026, arXiv 2507.20630), the tables of results on LLaVA-1.5-7B and
 * LLaVA-Next-7B, and its ablation of the prune layers at the keep ratios of TransPrune-High.
 */
import type { Stage } from '@transprune/core';
import type { ModelName } from '../model/presets.js';

export interface PublishedFigure {
  readonly model: ModelName;
  readonly method: string;
  readonly stages: readonly Stage[];
  /** Multiply-adds / 1e12, over image tokens only. */
  readonly tflops: number;
}

const stages = (layers: readonly number[], keep: readonly number[]): readonly Stage[] =>
  layers.map((afterLayer, i) => ({ afterLayer, keepRatio: keep[i] ?? 1 }));

const none = stages([], []);
const high = stages([7, 9, 12], [0.875, 0.625, 0.125]);
const low = stages([7, 9, 12], [0.625, 0.1875, 0.0625]);
const fastvHalf = stages([2], [0.5]);
const fastvQuarter = stages([2], [0.25]);
const pyramid = stages([8, 16, 24], [0.5, 0.25, 0.125]);

export const publishedFigures: readonly PublishedFigure[] = [
  { model: 'llava-1.5-7b', method: 'vanilla', stages: none, tflops: 3.82 },
  { model: 'llava-1.5-7b', method: 'TransPrune-High', stages: high, tflops: 1.56 },
  { model: 'llava-1.5-7b', method: 'TransPrune-Low', stages: low, tflops: 1.19 },
  { model: 'llava-1.5-7b', method: 'FastV K=2 R=50%', stages: fastvHalf, tflops: 2.01 },
  { model: 'llava-1.5-7b', method: 'FastV K=2 R=75%', stages: fastvQuarter, tflops: 1.12 },
  { model: 'llava-1.5-7b', method: 'PyramidDrop', stages: pyramid, tflops: 1.78 },
  { model: 'llava-next-7b', method: 'vanilla', stages: none, tflops: 20.83 },
  { model: 'llava-next-7b', method: 'TransPrune-High', stages: high, tflops: 8.33 },
  { model: 'llava-next-7b', method: 'TransPrune-Low', stages: low, tflops: 6.41 },
  { model: 'llava-next-7b', method: 'FastV K=2 R=50%', stages: fastvHalf, tflops: 10.55 },
  { model: 'llava-next-7b', method: 'FastV K=2 R=75%', stages: fastvQuarter, tflops: 5.8 },
  { model: 'llava-next-7b', method: 'PyramidDrop', stages: pyramid, tflops: 9.46 },
];

/** The ablation: TransPrune-High on LLaVA-1.5-7B, its prunes shifted by -2 to +2 layers. */
export const publishedShifts: readonly PublishedFigure[] = [
  { shift: -2, tflops: 1.35 },
  { shift: -1, tflops: 1.45 },
  { shift: 0, tflops: 1.56 },
  { shift: 1, tflops: 1.66 },
  { shift: 2, tflops: 1.77 },
].map(({ shift, tflops }) => ({
  model: 'llava-1.5-7b',
  method: `TransPrune-High, shifted by ${shift}`,
  stages: high.map((stage) => ({ ...stage, afterLayer: stage.afterLayer + shift })),
  tflops,
}));
