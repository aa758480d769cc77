/** What the layouts look like, and where their weights are. */
import { expect, test } from 'vitest';
import { smallConfig } from '../../testing/random-decoder.js';
import type { GraphProto, TensorProto } from '../proto/onnx_pb.js';
import { type BuildOptions, buildDecoder } from './decoder.js';
import { namedRandomWeights, type WeightSource } from './weights.js';

const config = { ...smallConfig, layers: 2, heads: 2 };
const weights = namedRandomWeights(7);

function build(options: BuildOptions, source: WeightSource = weights): GraphProto {
  return buildDecoder(config, source, options).graph!;
}

/** How many nodes of each operator a graph has besides those of the plain layout, or fewer. */
function difference(options: BuildOptions): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { opType } of build(options).node) counts[opType] = (counts[opType] ?? 0) + 1;
  for (const { opType } of build({}).node) counts[opType] = (counts[opType] ?? 0) - 1;
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0));
}

test.each([
  [{ projections: 'split' }, { MatMul: 4 }],
  [{ rotary: 'separate' }, { Split: 2, RotaryEmbedding: 4 }],
  [
    { rotary: 'separate', projections: 'split' },
    { MatMul: 4, RotaryEmbedding: 4 },
  ],
  [
    { norms: 'separate' },
    { SkipSimplifiedLayerNormalization: -4, SimplifiedLayerNormalization: 4, Add: 4 },
  ],
  [{ architecture: { biases: true } }, { Add: 2 }],
  [
    { architecture: { biases: true }, projections: 'split' },
    { MatMul: 4, Add: 6 },
  ],
  [
    { architecture: { queryKeyNorm: true } },
    { Split: 2, Reshape: 8, SimplifiedLayerNormalization: 4 },
  ],
  [{ architecture: { moduleNorms: true } }, { SimplifiedLayerNormalization: 4 }],
  [{ architecture: { logitSoftcap: 2 } }, { Div: 1, Tanh: 1, Mul: 1 }],
  [{ architecture: { embeddingScale: 2 } }, { Mul: 1 }],
  [{ precision: 'float16' }, { Cast: 2 }],
  [{ precision: 'int4' }, { MatMul: -11, MatMulNBits: 11 }],
  [{ numLogitsToKeep: true }, { Unsqueeze: 1, Neg: 1, Slice: 1 }],
  [{ extraCaches: 3 }, { Identity: 3 }],
] satisfies [BuildOptions, Record<string, number>][])('nodes of %j', (options, expected) => {
  expect(difference(options)).toEqual(expected);
});

test('local windows lie where they are asked for', () => {
  const windows = (localLayers: 'all' | 'alternate') =>
    build({ architecture: { localWindow: 4, localLayers } })
      .node.filter(({ opType }) => opType === 'GroupQueryAttention')
      .map(({ attribute }) => attribute.find(({ name }) => name === 'local_window_size')?.i);
  expect(windows('all')).toEqual([4n, 4n]);
  expect(windows('alternate')).toEqual([4n, undefined]);
});

test('inputs are those that the layout reads', () => {
  const extra = (options: BuildOptions) => {
    const plain = new Set(build({}).input.map(({ name }) => name));
    return build(options)
      .input.map(({ name }) => name)
      .filter((name) => !plain.has(name));
  };
  expect(extra({ attention: 'multi-head' })).toEqual(['position_ids']);
  expect(extra({ numLogitsToKeep: true, mergedBranches: true, extraCaches: 1 })).toEqual([
    'past_conv.0',
    'num_logits_to_keep',
    'use_cache_branch',
  ]);
});

test('merged branches share weights, and only one reads the past', () => {
  let calls = 0;
  const counted: WeightSource = {
    linear(...sizes) {
      calls++;
      return weights.linear(...sizes);
    },
    vector: (name, size) => weights.vector(name, size),
  };
  const plain = build({ rotary: 'separate' });
  const merged = build({ rotary: 'separate', mergedBranches: true }, counted);
  expect(calls).toBe(11);
  const names = (tensors: readonly TensorProto[]) => tensors.map(({ name }) => name).sort();
  expect(names(merged.initializer)).toEqual(names(plain.initializer));
  expect(merged.node.map(({ opType }) => opType)).toEqual(['If']);
  const branches = merged.node[0]!.attribute.map(({ name, g }) => ({
    name,
    initializers: g!.initializer.length,
    outputs: g!.output.map((output) => output.name),
    past: g!.node.flatMap(({ input }) => input).filter((input) => input.startsWith('past')).length,
  }));
  const outputs = plain.output.map(({ name }) => name);
  expect(branches).toEqual([
    { name: 'then_branch', initializers: 0, outputs, past: 4 },
    { name: 'else_branch', initializers: 0, outputs, past: 0 },
  ]);
});

test.each(['float32', 'float16', 'int4', 'int4-float16'] as const)(
  '%s weights in a file are those that would be inside',
  (precision) => {
    const inside = build({ precision });
    const chunks: Uint8Array[] = [];
    const append = (bytes: Uint8Array) => {
      chunks.push(bytes);
    };
    const outside = build({ precision, weightFile: { location: 'weights.bin', append } });
    const file = new Uint8Array(Buffer.concat(chunks));
    const byName = new Map(inside.initializer.map((tensor) => [tensor.name, tensor]));
    let checked = 0;
    for (const { name, externalData, dims, dataType } of outside.initializer) {
      if (externalData.length === 0) continue;
      const entry = (key: string) => Number(externalData.find((e) => e.key === key)?.value);
      const bytes = file.subarray(entry('offset'), entry('offset') + entry('length'));
      const expected = byName.get(name)!;
      expect({ bytes, dims, dataType }).toEqual({
        bytes: expected.rawData,
        dims: expected.dims,
        dataType: expected.dataType,
      });
      checked++;
    }
    expect(checked).toBeGreaterThan(17);
  },
);
