import { clone } from '@bufbuild/protobuf';
import { presetPlan } from '@transprune/core';
import { expect, test } from 'vitest';
import { smallConfig } from '../testing/random-decoder.js';
import { buildDecoder } from './build/decoder.js';
import { randomWeights } from './build/weights.js';
import { tensorInfo } from './graph/value-info.js';
import { inspectModel } from './inspect.js';
import { ModelProtoSchema, TensorProto_DataType } from './proto/onnx_pb.js';
import { pruneModel } from './prune/prune.js';

const decoder = buildDecoder(smallConfig, randomWeights(1));

test('a decoder that is understood, and one that is pruned already', () => {
  const sizes = { layers: 6, heads: 6, kvHeads: 2, headDim: 16, hiddenSize: 24, opset: 21 };
  expect(inspectModel(decoder)).toMatchObject({ ...sizes, prunable: true });
  const { plan } = presetPlan('transprune-low', 6);
  const pruned = inspectModel(pruneModel(decoder, plan).model);
  expect(pruned).toMatchObject({ layers: 6, prunable: false });
  expect(pruned.reason).toMatch(/pruned already/);
});

test('an input whose value behind a prune is not known is found before anybody prunes', () => {
  const model = clone(ModelProtoSchema, decoder);
  model.graph!.input.push(tensorInfo('total_length', TensorProto_DataType.INT32, []));
  const attentions = model.graph!.node.filter(({ opType }) => opType === 'GroupQueryAttention');
  for (const node of attentions) node.input[6] = 'total_length';
  const inspection = inspectModel(model);
  expect(inspection).toMatchObject({ layers: 6, prunable: false });
  expect(inspection.reason).toMatch(/behind the prune after layer 1.*the input total_length/);
});

test('a decoder of one layer has no place for a prune', () => {
  const inspection = inspectModel(buildDecoder({ ...smallConfig, layers: 1 }, randomWeights(1)));
  expect(inspection).toMatchObject({ layers: 1, prunable: false });
});
