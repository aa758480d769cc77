import { readFileSync } from 'node:fs';
import { clone } from '@bufbuild/protobuf';
import { createPlan } from '@transprune/core';
import { exportedDecoder } from '@transprune/fixtures';
import { describe, expect, test } from 'vitest';
import { smallConfig } from '../../testing/random-decoder.js';
import { buildDecoder } from '../builder/decoder.js';
import { randomWeights } from '../builder/weights.js';
import { tensorInfo } from '../graph/value-info.js';
import { decodeModel } from '../model/codec.js';
import { ModelProtoSchema, TensorProto_DataType } from '../proto/onnx_pb.js';
import { pruneModel } from '../prune/prune.js';
import { inspectModel } from './inspect.js';

const decoder = buildDecoder(smallConfig, randomWeights(1));

test('a decoder that is understood, and one that is pruned already', () => {
  const sizes = { layers: 6, heads: 6, kvHeads: 2, headDim: 16, hiddenSize: 24, opset: 21 };
  expect(inspectModel(decoder)).toMatchObject({ ...sizes, prunable: true });
  const prunedAfter = (afterLayer: number) => {
    const stages = [{ afterLayer, keepRatio: 0.5 }];
    const plan = createPlan({ accumulateLayers: [1], stages });
    return inspectModel(pruneModel(decoder, plan).model);
  };
  const { opset: _, ...known } = sizes;
  const attentionFamily = 'group-query-attention';
  const pruned = prunedAfter(3);
  expect(pruned).toMatchObject({ ...known, attentionFamily, prunable: false });
  expect(pruned.reason).toMatch(/pruned already/);
  expect(prunedAfter(1)).toMatchObject({ layers: 6, attentionFamily: 'not read' });
});

test('an input whose value after a prune is not known is found before anybody prunes', () => {
  const model = clone(ModelProtoSchema, decoder);
  model.graph!.input.push(tensorInfo('total_length', TensorProto_DataType.INT32, []));
  const attentions = model.graph!.node.filter(({ opType }) => opType === 'GroupQueryAttention');
  for (const node of attentions) node.input[6] = 'total_length';
  const inspection = inspectModel(model);
  expect(inspection).toMatchObject({ layers: 6, prunable: false });
  expect(inspection.reason).toMatch(/after the prune after layer 1.*the input total_length/);
});

const exported = (...name: Parameters<typeof exportedDecoder>) =>
  decodeModel(readFileSync(exportedDecoder(...name).path));

describe('structure', () => {
  test('norms of queries and keys, biases, packed projections, rotary as a node', () => {
    const groups = [
      exported('qwen3', 'dynamo-23'),
      exported('qwen2', 'torchscript-17-int8'),
      exported('phi3', 'dynamo-18'),
      exported('llama', 'torchscript-17-fused'),
    ].map((model) => inspectModel(model).decoders[0]!.layerGroups);
    expect(groups.map(({ length }) => length)).toEqual([1, 1, 1, 1]);
    const [qwen3, qwen2, phi3, fused] = groups.map(([group]) => group);
    expect(qwen3).toMatchObject({
      attentionFamily: 'standard-attention',
      norms: { queries: 'RMSNormalization', afterAttention: null },
      rotary: 'RotaryEmbedding',
    });
    const int8 = { matrices: 3, operator: 'MatMulInteger', biased: true };
    expect(qwen2).toMatchObject({ projections: int8, norms: { queries: null } });
    expect(phi3).toMatchObject({ projections: { matrices: 1, operator: 'MatMul' } });
    expect(fused).toMatchObject({
      rotary: 'com.microsoft.RotaryEmbedding',
      norms: { attention: 'SimplifiedLayerNormalization', ffn: 'SimplifiedLayerNormalization' },
    });
  });

  test('layers that differ are grouped, and so are the masks that they read', () => {
    const { layerGroups, derived } = inspectModel(exported('gemma3', 'dynamo-23')).decoders[0]!;
    const [local, global] = [
      [1, 2, 4, 5],
      [3, 6],
    ];
    expect(layerGroups.map(({ layers, window }) => [layers, window])).toEqual([
      [local, 16],
      [global, null],
    ]);
    const of = (wanted: string) => derived.filter(({ use }) => use === wanted);
    expect(of('mask or lengths').map(({ layers }) => layers)).toEqual([local, global]);
    // Opset 23 makes cosines and sines anew in each layer, for queries and for keys.
    expect(of('angles')).toMatchObject([
      { values: 24, of: ['position_ids', 'shape of past_key_values.1.value'] },
    ]);
  });

  test('a decoder that is understood in part is described as far', () => {
    const model = exported('llama', 'dynamo-18');
    const softmax = model.graph!.node.filter(({ opType }) => opType === 'Softmax')[3]!;
    const masked = model.graph!.node.find(({ output }) => output[0] === softmax.input[0])!;
    masked.opType = 'Max';
    const { decoders, refusal, trial, layers } = inspectModel(model);
    const [structure] = decoders;
    expect(structure!.layerGroups.map(({ layers }) => layers)).toEqual([[1, 2, 3]]);
    expect(structure).toMatchObject({ declaredLayers: 6 });
    expect([layers, trial]).toEqual([6, undefined]);
    expect(refusal).toEqual({
      reason: expect.stringMatching(/^layer 4: expected a mask and Softmax .* found Max/),
      where: 'layer 4',
      expected: 'a mask and Softmax after the product of queries and keys',
      found: 'Max',
      node: masked.name,
      operator: 'Max',
    });
  });
});

describe('trial', () => {
  const plan = createPlan({ method: 'random', stages: [{ afterLayer: 2, keepRatio: 0.5 }] });

  test('what crosses, and where derived values start again', () => {
    const [report] = inspectModel(decoder, { plan: () => plan }).decoders;
    expect(report!.stages).toMatchObject([
      {
        afterLayer: 2,
        gathered: [{ as: 'stream' }, { as: 'norm' }],
        copiedNodes: 0,
        rebased: {
          // Lengths minus one, as int32, and the width: what they are made of is sizes, not a mask.
          clonedNodes: 3,
          addedNodes: 4,
          roots: ['shape of past_key_values.2.key', 'shape of the stream that is left'],
        },
      },
    ]);
  });

  test('kept positions gather angles', () => {
    const model = exported('llama', 'dynamo-18');
    const [report] = inspectModel(model, {
      plan: () => ({ ...plan, positions: 'keep' }),
    }).decoders;
    const gathered = report!.stages.flatMap((stage) => stage.gathered.map(({ as }) => as));
    expect(gathered).toEqual(expect.arrayContaining(['angles', 'angles']));
  });

  test('a plan that a decoder cannot have is the reason why not', () => {
    const model = exported('mistral-window', 'dynamo-18');
    const inspection = inspectModel(model, { plan: () => ({ ...plan, positions: 'keep' }) });
    expect(inspection).toMatchObject({ prunable: false, refusal: { where: 'layer 3' } });
    expect(inspection.reason).toMatch(/a sliding window counts what is left/);
    expect(inspection.decoders[0]!.layerGroups).toHaveLength(1);
  });

  test('both branches of a merged decoder', () => {
    const merged = buildDecoder(smallConfig, randomWeights(1), { mergedBranches: true });
    const { decoders, trial } = inspectModel(merged, { plan: () => plan });
    const readsPast = decoders.map(({ layerGroups }) =>
      layerGroups.map((group) => group.readsPast),
    );
    expect(readsPast).toEqual([[true], [false]]);
    expect(decoders.map(({ stages }) => stages.length)).toEqual([1, 1]);
    expect(trial?.nodes.before).toBe(2 * decoder.graph!.node.length);
  });

  test('decoders that are too shallow for a preset are tried all the same', () => {
    const shallow = buildDecoder({ ...smallConfig, layers: 3 }, randomWeights(1));
    expect(inspectModel(shallow).trial?.plan.stages).toHaveLength(1);
  });
});

test.each([
  ['torchscript-17', 'torchscript'],
  ['dynamo-23', 'torch.export'],
])('%s was written by %s', (name, family) => {
  expect(inspectModel(exported('llama', name)).exporterFamily).toBe(family);
});

test('a decoder of one layer has no place for a prune', () => {
  const inspection = inspectModel(buildDecoder({ ...smallConfig, layers: 1 }, randomWeights(1)));
  expect(inspection).toMatchObject({ layers: 1, prunable: false });
});
