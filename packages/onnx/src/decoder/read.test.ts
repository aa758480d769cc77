import { readFileSync } from 'node:fs';
import { clone, create } from '@bufbuild/protobuf';
import { TransPruneError } from '@transprune/core';
import { officialFile } from '@transprune/fixtures';
import { describe, expect, test } from 'vitest';
import { smallConfig } from '../../testing/random-decoder.js';
import { buildDecoder } from '../builder/decoder.js';
import { randomWeights } from '../builder/weights.js';
import { inspectModel } from '../inspect/inspect.js';
import { decodeModel, type OnnxModel } from '../model/codec.js';
import {
  AttributeProtoSchema,
  type GraphProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
} from '../proto/onnx_pb.js';
import { readDecoder } from './read.js';

const decoder = buildDecoder(smallConfig, randomWeights(1));
const split = buildDecoder(smallConfig, randomWeights(1), { projections: 'split' });

/** A copy of a model, changed. */
function changed(change: (graph: GraphProto, model: OnnxModel) => void, from = decoder): OnnxModel {
  const model = clone(ModelProtoSchema, from);
  change(model.graph!, model);
  return model;
}

const nodeOf = (graph: GraphProto, opType: string): NodeProto =>
  graph.node.find((node) => node.opType === opType)!;

test.each([
  ['packed', decoder, 1],
  ['split', split, 3],
])('%s projections', (_, model, projections) => {
  const read = readDecoder(model);
  expect(read).toMatchObject({
    hiddenSize: 24,
    intermediateSize: 40,
    vocabularySize: 32,
    attention: { heads: 6, kvHeads: 2, headDim: 16 },
  });
  expect(read.layers.map(({ attention }) => attention?.projections.length)).toEqual(
    new Array(6).fill(projections),
  );
  expect(read.layers[2]!.cache).toEqual({
    pastKey: 'past_key_values.2.key',
    pastValue: 'past_key_values.2.value',
    presentKey: 'present.2.key',
    presentValue: 'present.2.value',
  });
  expect(inspectModel(model)).toMatchObject({
    prunable: true,
    layers: 6,
    exporterFamily: 'transprune',
  });
});

test('names of nodes and values inside the graph do not matter', () => {
  const kept = new Set([...decoder.graph!.input, ...decoder.graph!.output].map(({ name }) => name));
  const rename = (name: string) =>
    name === '' || kept.has(name) ? name : `${name.length}~${name}`;
  const renamed = changed((graph) => {
    for (const node of graph.node) {
      node.name = '';
      node.input = node.input.map(rename);
      node.output = node.output.map(rename);
    }
    for (const tensor of graph.initializer) tensor.name = rename(tensor.name);
  });
  expect(readDecoder(renamed).layers).toHaveLength(6);
});

describe('refusals name the place, what was expected and what was found', () => {
  test.each<[string, (graph: GraphProto, model: OnnxModel) => void, RegExp]>([
    [
      'an encoder',
      (graph) => {
        graph.output = graph.output.filter(({ name }) => name === 'logits');
      },
      /expected a decoder with a cache: past_key_values.*found no cache outputs among logits/,
    ],
    [
      'a decoder that takes ids',
      (graph) => {
        graph.input.find(({ name }) => name === 'inputs_embeds')!.name = 'input_ids';
      },
      /expected an input inputs_embeds.*cannot tell image tokens/,
    ],
    [
      'control flow',
      (graph) => {
        graph.node[0]!.opType = 'If';
      },
      /expected no control flow, found If/,
    ],
    [
      'another attention operator',
      (graph) => {
        nodeOf(graph, 'GroupQueryAttention').opType = 'PagedAttention';
      },
      /layer 1: expected present.0.key .*group-query-attention.*found PagedAttention/,
    ],
    [
      'a cache that is read but not an input',
      (graph) => {
        graph.input = graph.input.filter(({ name }) => name !== 'past_key_values.0.key');
      },
      /layer 1: expected past_key_values.0.key among the inputs, found it read by GroupQueryAttention/,
    ],
    [
      'a norm that is none',
      (graph) => {
        nodeOf(graph, 'SimplifiedLayerNormalization').opType = 'BatchNormalization';
      },
      /layer 1, attention: expected a norm between .*found BatchNormalization/,
    ],
    [
      'a stream that is read twice',
      (graph) => {
        const join = nodeOf(graph, 'SkipSimplifiedLayerNormalization');
        nodeOf(graph, 'Sigmoid').input = [join.output[3]!];
      },
      /layer 1, FFN: expected a module that reads only its norm and weights/,
    ],
    [
      'embeddings of whole numbers',
      (graph) => {
        const type = graph.input.find(({ name }) => name === 'inputs_embeds')!.type!.value;
        if (type.case === 'tensorType') type.value.elemType = 7;
      },
      /inputs_embeds: expected float32 or float16, found element type 7/,
    ],
    [
      'an operator set from before',
      (_, model) => {
        model.opsetImport[0]!.version = 11n;
      },
      /13 or later, got 11/,
    ],
  ])('%s', (_, change, message) => {
    const model = changed(change);
    expect(() => readDecoder(model)).toThrow(message);
    expect(() => readDecoder(model)).toThrow(TransPruneError);
    const inspection = inspectModel(model);
    expect(inspection.prunable).toBe(false);
    expect(inspection.reason).toMatch(message);
  });
});

test('attention with something else than Softmax after its mask is refused', () => {
  const model = decodeModel(readFileSync(officialFile('dynamo-opset18/model.onnx')));
  for (const node of model.graph!.node) if (node.opType === 'Softmax') node.opType = 'Hardmax';
  expect(() => readDecoder(model)).toThrow(
    /layer 1: expected a mask and Softmax after the product of queries and keys, found Hardmax/,
  );
});

describe('graphs that would overflow a stack', () => {
  /** Puts a chain of copies between a value and whoever reads it. */
  const lengthened = (value: string, links: number) =>
    changed((graph) => {
      const last = `${value}/${links}`;
      for (const node of graph.node) {
        node.input = node.input.map((name) => (name === value ? last : name));
      }
      const chain = Array.from({ length: links }, (_, i) =>
        create(NodeProtoSchema, {
          opType: 'Identity',
          input: [i === 0 ? value : `${value}/${i}`],
          output: [`${value}/${i + 1}`],
        }),
      );
      graph.node = [...graph.node, ...chain];
    });

  test.each([
    'inputs_embeds',
    'attention_mask',
    'layer_0/attention/MatMul',
    'layer_0/ffn/MatMul_2/stream',
    'model.layers.1.self_attn.q_proj.weight+model.layers.1.self_attn.k_proj.weight+model.layers.1.self_attn.v_proj.weight',
  ])('a chain of 5,000 copies after %s is read, and pruned', (value) => {
    const model = lengthened(value, 5000);
    expect(readDecoder(model).layers).toHaveLength(6);
    expect(inspectModel(model)).toMatchObject({ prunable: true });
  });

  test('a cycle is an error with a name', () => {
    const model = changed((graph) => {
      const add = graph.node.find(({ output }) => output[0] === 'layer_2/ffn/MatMul')!;
      add.input[0] = 'layer_3/ffn/MatMul';
    });
    expect(() => readDecoder(model)).toThrow(/INVALID_MODEL|cycle/);
  });

  test('a node that reads its own output is a cycle, also for an inspection', () => {
    const model = changed((graph) => {
      const output = ['loop'];
      graph.node.push(
        create(NodeProtoSchema, { opType: 'Add', input: ['loop', 'attention_mask'], output }),
      );
    });
    expect(() => readDecoder(model)).toThrow(/the graph has a cycle through Add/);
    expect(inspectModel(model).reason).toMatch(/the graph has a cycle/);
  });

  test('nodes that no output is made of are left out', () => {
    const model = changed((graph) => {
      const dead = Array.from({ length: 20_000 }, (_, i) =>
        create(NodeProtoSchema, {
          opType: 'Identity',
          input: ['attention_mask'],
          output: [`dead/${i}`],
        }),
      );
      graph.node = [...dead, ...graph.node];
    });
    const { graph } = readDecoder(model);
    expect(graph.graph.node).toHaveLength(decoder.graph!.node.length);
  });

  test('values that are read over and over are looked at once', () => {
    // A walk along every path would look at 12^18 values.
    const model = changed((graph) => {
      const last = 'layer_2/ffn/MatMul_2';
      const sums = Array.from({ length: 18 }, (_, i) =>
        create(NodeProtoSchema, {
          opType: 'Sum',
          input: new Array<string>(12).fill(i === 0 ? last : `sum/${i}`),
          output: [`sum/${i + 1}`],
        }),
      );
      for (const node of graph.node) {
        node.input = node.input.map((name) => (name === last ? 'sum/18' : name));
      }
      graph.node = [...graph.node, ...sums];
    });
    const { graph, layers } = readDecoder(model);
    expect(layers).toHaveLength(6);
    expect(graph.uses.get('sum/18')).toHaveLength(1);
  });
});

test.each(['packed', 'split'] as const)(
  'the head size is what keys are projected to where the cache has a symbol, %s',
  (projections) => {
    const from = buildDecoder(smallConfig, randomWeights(1), { projections });
    const symbolic = changed((graph) => {
      for (const { name, type } of [...graph.input, ...graph.output]) {
        if (!/^(past|present)/.test(name) || type?.value.case !== 'tensorType') continue;
        const [last] = type.value.value.shape?.dim.slice(-1) ?? [];
        last!.value = { case: 'dimParam', value: 'kv_cache_dim' };
      }
    }, from);
    expect(readDecoder(symbolic).attention).toMatchObject({ heads: 6, kvHeads: 2, headDim: 16 });
  },
);

test('FusedMatMul is a projection, its weight transposed or not', () => {
  const fused = changed((graph) => {
    const integer = nodeOf(graph, 'GroupQueryAttention').attribute[0]!;
    for (const node of graph.node) {
      if (node.opType !== 'MatMul') continue;
      const weight = graph.initializer.find(({ name }) => name === node.input[1])!;
      Object.assign(node, { opType: 'FusedMatMul', domain: 'com.microsoft' });
      if (weight.dims[0] === weight.dims[1]) continue;
      weight.dims.reverse();
      node.attribute = [clone(AttributeProtoSchema, { ...integer, name: 'transB', i: 1n })];
    }
  }, split);
  expect(readDecoder(fused)).toMatchObject({
    hiddenSize: 24,
    intermediateSize: 40,
    vocabularySize: 32,
  });
});

test('nodes in any order', () => {
  const reversed = changed((graph) => {
    graph.node.reverse();
  });
  const { layers } = readDecoder(reversed);
  expect(layers.map(({ streamIn }) => streamIn)).toEqual(
    readDecoder(decoder).layers.map(({ streamIn }) => streamIn),
  );
});
