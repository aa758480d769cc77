/** Layouts of ONNX Runtime GenAI, written by the project's builder, in every precision they come in. */

import { createNodeBackend } from '@transprune/backend-node';
import { type PositionMode, positionModes } from '@transprune/core';
import {
  type Architecture,
  type BuildOptions,
  buildDecoder,
  namedRandomWeights,
} from '@transprune/onnx';
import { verifyPruned } from '@transprune/verify';
import { describe, expect, test } from 'vitest';
import { plansInTurn } from '../testing/verify.js';

const backend = createNodeBackend({ threads: 1 });
const sizes = {
  ...{ layers: 6, hiddenSize: 32, heads: 4, kvHeads: 2, headDim: 16, intermediateSize: 64 },
  ...{ vocabularySize: 64, rmsNormEpsilon: 1e-5, ropeTheta: 1e4, maxPositions: 256 },
  tiedEmbeddings: false,
};

const architectures: Record<string, Architecture> = {
  llama: {},
  'qwen 2': { biases: true },
  'qwen 3': { queryKeyNorm: true },
  'mistral with a window': { localWindow: 24, localLayers: 'all' },
  'gemma 2': {
    moduleNorms: true,
    softcap: 20,
    logitSoftcap: 30,
    embeddingScale: 2,
    localWindow: 24,
    localLayers: 'alternate',
  },
};
const layouts: Record<string, BuildOptions> = {
  packed: { projections: 'packed' },
  split: { projections: 'split', norms: 'separate' },
  'rotary apart': { rotary: 'separate' },
  'multi-head': { attention: 'multi-head', norms: 'separate' },
  merged: { mergedBranches: true },
};
const precisions = ['float32', 'float16', 'int4'] as const;

describe.each(Object.entries(architectures))('%s', (_, architecture) => {
  const isWindowed = architecture.localWindow !== undefined;
  const modes: readonly PositionMode[] = isWindowed ? ['renumber'] : positionModes;
  // MultiHeadAttention has neither a soft cap nor a window.
  const kinds = Object.entries(layouts).filter(([, { attention }]) => !isWindowed || !attention);
  const cases = kinds.flatMap(([name, layout], kind) =>
    precisions.map((precision, at) => [name, precision, layout, kind + at] as const),
  );
  test.each(cases)('%s, %s', async (_, precision, layout, turn) => {
    const kvHeads = layout.attention === 'multi-head' ? sizes.heads : sizes.kvHeads;
    const options = { ...layout, architecture, precision };
    const original = buildDecoder({ ...sizes, kvHeads }, namedRandomWeights(5), options);
    for (const [mode, positions] of modes.entries()) {
      for (const plan of plansInTurn(sizes.layers, turn + mode, true)) {
        const { checks, passed } = await verifyPruned({
          original,
          plan: { ...plan, positions },
          backend,
          device: 'cpu',
        });
        expect(
          checks.filter((check) => !check.passed),
          JSON.stringify({ plan, positions }),
        ).toEqual([]);
        expect(passed).toBe(true);
      }
    }
  });
});
