/** Layers whose states go from token to token: what is read, and what is refused because it is not proven. */
import { readFileSync } from 'node:fs';
import { clone, create } from '@bufbuild/protobuf';
import { createPlan, TransPruneError } from '@transprune/core';
import { caseFile, hubFolder } from '@transprune/fixtures';
import { describe, expect, test } from 'vitest';
import { decodeModel, type OnnxModel } from '../../model/codec.js';
import {
  AttributeProtoSchema,
  type GraphProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
} from '../../proto/onnx_pb.js';
import { pruneModel } from '../../prune/prune.js';
import { fitPlan, layersAfterPrunes } from '../depths.js';
import { readDecoder } from '../read.js';

const read = (path: string) => decodeModel(readFileSync(path));
const lfm2 = read(caseFile('hybrid/lfm2-genai.onnx'));
const qwen = read(caseFile('hybrid/qwen35-genai-hybrid.onnx'));
const gemma = read(`${hubFolder('gemma4')}/onnx/decoder_model_merged.onnx`);

/** A copy that is changed. */
function changed(from: OnnxModel, change: (graph: GraphProto) => void): OnnxModel {
  const model = clone(ModelProtoSchema, from);
  change(model.graph!);
  return model;
}

const find = (graph: GraphProto, opType: string) =>
  graph.node.find((node) => node.opType === opType)!;
const makerOf = (graph: GraphProto, value: string) =>
  graph.node.find(({ output }) => output.includes(value))!;
const set = (node: NodeProto, name: string, fields: { i?: bigint; ints?: bigint[] }) => {
  const others = node.attribute.filter((attribute) => attribute.name !== name);
  node.attribute = [...others, create(AttributeProtoSchema, { name, ...fields })];
};

test('the mixers of each layer', () => {
  const mixers = (model: OnnxModel) =>
    readDecoder(model).layers.map(({ mixer }) =>
      ('readings' in mixer ? mixer.readings : [mixer.reading])
        .map(({ family }) => family.name)
        .join(' + '),
    );
  const [convolution, attention] = ['spelled-out-convolution', 'group-query-attention'];
  const inLfm2 = [convolution, convolution, attention, convolution, attention, attention];
  expect(mixers(lfm2)).toEqual(inLfm2);
  const delta = 'causal-convolution + linear-attention';
  expect(mixers(qwen)).toEqual([delta, delta, attention, delta, delta, attention]);
});

describe('what is not proven is refused', () => {
  test.each<[string, OnnxModel, (graph: GraphProto) => void, RegExp]>([
    [
      'a convolution that looks ahead',
      lfm2,
      (graph) => set(find(graph, 'Conv'), 'pads', { ints: [0n, 1n] }),
      /layer 1: expected a convolution over the tokens without padding and strides/,
    ],
    [
      'a convolution that looks back further than its state',
      lfm2,
      (graph) => set(find(graph, 'Conv'), 'dilations', { ints: [2n] }),
      /layer 1: expected a state of 4 inputs or more/,
    ],
    [
      'results of other tokens than those that came in',
      lfm2,
      (graph) => {
        const [convolved] = find(graph, 'Conv').output;
        const tail = graph.node.find(({ input }) => input[0] === convolved)!;
        tail.input[1] = makerOf(graph, 'present_conv.0').input[1]!;
      },
      /layer 1: expected each token's numbers to stay its own, found Slice of other tokens/,
    ],
    [
      'a state that is not the last inputs',
      lfm2,
      (graph) => {
        makerOf(graph, 'present_conv.0').input[1] = '/model/constants/INT64/[0]';
      },
      /layer 1: expected present_conv\.0 to be the last 3 inputs of the convolution/,
    ],
    [
      'a state that a third node reads',
      lfm2,
      (graph) => {
        const [joined = ''] = find(graph, 'Conv').input;
        const node = { opType: 'Relu', input: [joined], output: ['stranger'] };
        graph.node.push(create(NodeProtoSchema, node));
        makerOf(graph, 'present_conv.1').input[0] = 'stranger';
      },
      /layer 1: expected one convolution of state and tokens, found Relu of both/,
    ],
    [
      'a state of several calls',
      qwen,
      (graph) => set(find(graph, 'CausalConvWithState'), 'state_window', { i: 2n }),
      /layer 1: expected one state \(state_window = 0\), found state_window = 2/,
    ],
    [
      'an attribute that nobody knows',
      qwen,
      (graph) => set(find(graph, 'LinearAttention'), 'of_tomorrow', { i: 1n }),
      /only attributes of LinearAttention that are known, found of_tomorrow/,
    ],
    [
      'a recurrence along something else than tokens',
      qwen,
      (graph) => {
        const node = find(graph, 'LinearAttention');
        const convolved = find(graph, 'CausalConvWithState').output[0]!;
        node.input[2] = convolved;
      },
      /layer 1.*found LinearAttention of tokens along axis 2 of 3 at input 2/,
    ],
    [
      'a state that comes out of another node',
      qwen,
      (graph) => {
        const [one, other] = graph.node.filter(({ opType }) => opType === 'LinearAttention');
        [one!.output[1], other!.output[1]] = [other!.output[1]!, one!.output[1]!];
      },
      /layer 1: expected present\.0\.recurrent_state to be the state that LinearAttention gives/,
    ],
    [
      'a state under a name that nobody knows',
      qwen,
      (graph) => {
        for (const { input } of graph.node) {
          const at = input.indexOf('past_key_values.0.recurrent_state');
          if (at >= 0) input[at] = 'past_ssm.0';
        }
        const info = graph.input.find(({ name }) => name === 'past_key_values.0.recurrent_state');
        info!.name = 'past_ssm.0';
      },
      /layer 1: expected keys and values, or a convolution or recurrence .* found past_ssm\.0/,
    ],
    [
      'attention beside another mixer in one layer',
      lfm2,
      (graph) => {
        for (const info of [...graph.input, ...graph.output]) {
          info.name = info.name.replace(/^(past|present)_conv\.3$/, '$1_conv.2');
        }
        for (const { input, output } of graph.node) {
          for (const names of [input, output]) {
            names.forEach((name, at) => {
              names[at] = name.replace(/^(past|present)_conv\.3$/, '$1_conv.2');
            });
          }
        }
      },
      /layer 3: expected one mixer in each layer .* found keys and values, and past_conv\.2/,
    ],
  ])('%s', (_, from, change, message) => {
    const model = changed(from, change);
    expect(() => readDecoder(model)).toThrow(message);
    expect(() => readDecoder(model)).toThrow(TransPruneError);
  });
});

describe('prunes stand where a decoder can be pruned', () => {
  const at = (afterLayer: number, method: 'transprune' | 'random' = 'transprune') =>
    createPlan({ method, accumulateLayers: [1], stages: [{ afterLayer, keepRatio: 0.5 }] });

  test('before attention, for a method that reads it', () => {
    expect(layersAfterPrunes(readDecoder(lfm2))).toEqual([3, 5, 6]);
    expect(() => pruneModel(lfm2, at(3))).toThrow(
      /expected prunes after layers 2, 4, 5 of this decoder, got one after layer 3: layer 4 has no attention/,
    );
    const { plan, moved } = fitPlan(at(3), readDecoder(lfm2));
    expect(moved).toEqual([{ from: 3, to: 4 }]);
    expect(pruneModel(lfm2, plan).report.stages).toEqual([{ afterLayer: 4, keepRatio: 0.5 }]);
    expect(pruneModel(lfm2, at(3, 'random')).report.layers).toBe(6);
  });

  test('not between a layer that lends keys and one that borrows them', () => {
    expect(layersAfterPrunes(readDecoder(gemma))).toEqual([1, 2, 3, 4, 5]);
    for (const method of ['transprune', 'random'] as const) {
      expect(() => pruneModel(gemma, at(5, method))).toThrow(
        /after layers 1, 2, 3, 4 of this decoder, got one after layer 5: layer 10 borrows keys and values of layer 5/,
      );
    }
    for (const method of ['transprune', 'random'] as const) {
      const { plan, moved } = fitPlan(at(8, method), readDecoder(gemma));
      expect(moved).toEqual([{ from: 8, to: 4 }]);
      expect(() => pruneModel(gemma, plan)).not.toThrow();
    }
  });
});
