/** Several streams that layers predict and correct together, as PyTorch's exporters write Gemma 3n. */
import { readFileSync } from 'node:fs';
import { create } from '@bufbuild/protobuf';
import { exportedDecoder } from '@transprune/fixtures';
import { describe, expect, test } from 'vitest';
import { decodeModel, type OnnxModel } from '../model/codec.js';
import { type NodeProto, NodeProtoSchema } from '../proto/onnx_pb.js';
import type { Decoder } from './decoder.js';
import { readDecoder } from './read.js';

const source = readFileSync(exportedDecoder('gemma3n', 'torchscript-17').path);

/** The decoder with its nodes changed. */
function changed(change: (nodes: NodeProto[], decoder: Decoder) => void): OnnxModel {
  const model = decodeModel(source);
  change(model.graph?.node ?? [], readDecoder(model));
  return model;
}

const readersOf = (nodes: readonly NodeProto[], value: string, opType: string) =>
  nodes.filter((node) => node.opType === opType && node.input.includes(value));

/** Makes a node read another value in place of one. */
function reread(node: NodeProto | undefined, from: string, to: string): void {
  if (!node) throw new Error(`nothing reads ${from}`);
  node.input = node.input.map((name) => (name === from ? to : name));
}

describe.each(['torchscript-17', 'dynamo-18', 'dynamo-23'])('%s', (name) => {
  const { path } = exportedDecoder('gemma3n', name);
  const { graph, layers, features } = readDecoder(decodeModel(readFileSync(path)));

  test('layers read one of what they predict, and add their modules to it', () => {
    expect(layers).toHaveLength(8);
    const predictions = layers.map(({ stack }) => stack?.predictions ?? '');
    expect(new Set(predictions).size).toBe(8);
    for (const { stack, streamIn, mixer, middleJoin } of layers) {
      const taken = graph.producer.get(stack?.active ?? '');
      expect(taken).toMatchObject({ opType: 'Gather' });
      expect(taken?.input[0]).toBe(stack?.predictions);
      expect([...middleJoin.input].sort()).toEqual([streamIn, mixer.output].sort());
    }
  });

  test('what attention and FFN read and write is of the one stream, whatever is added beside attention', () => {
    for (const { mixer, ffn } of layers) {
      expect(mixer.input).not.toBe(ffn.input);
      const sum = graph.uses.get(ffn.output)?.map(({ node }) => node.opType);
      expect(sum).toEqual(['Add']);
    }
  });

  test('the last two layers borrow keys and values, each of its own kind', () => {
    const lenders = layers.map(({ attention }) => attention?.lender);
    expect(lenders).toEqual([...new Array(6).fill(undefined), 4, 5]);
    const windows = layers.map(({ attention }) => attention?.reading.window);
    expect(windows.slice(6)).toEqual([16, undefined]);
  });

  test('features of each token come in after each layer', () => {
    expect(features.map(({ layer }) => layer)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(new Set(features.map(({ value }) => value)).size).toBe(1);
    for (const { inputs } of features) {
      expect([...inputs].sort()).toEqual(['inputs_embeds', 'per_layer_inputs']);
    }
  });
});

test('values of another layer than the keys are not borrowed', () => {
  const other = changed((nodes, { layers }) => {
    const [seventh, eighth] = layers.slice(6).map(({ attention }) => {
      const name = attention?.reading.family.attended(attention.reading, nodes);
      return nodes.find(({ output }) => output[0] === name);
    });
    reread(eighth, eighth?.input[1] ?? '', seventh?.input[1] ?? '');
  });
  expect(() => readDecoder(other)).toThrow(
    /^layer 8: expected the keys and values of one layer, and no others, found/,
  );
});

test('a stream is taken along the first axis, counted from either end', () => {
  const counted = changed((nodes, { layers }) => {
    const taken = nodes.find(({ output }) => output[0] === layers[2]?.stack?.active);
    for (const axis of taken?.attribute ?? []) axis.i = -4n;
    expect(taken?.attribute).toHaveLength(1);
  });
  expect(readDecoder(counted).layers).toHaveLength(8);
});

test('a layer whose stream is taken in another way', () => {
  const squeezed = changed((nodes, { layers }) => {
    const taken = nodes.find(({ output }) => output[0] === layers[2]?.stack?.active);
    if (!taken) throw new Error('no stream of layer 3');
    const [predictions = '', index = ''] = taken.input;
    const [at, one] = [`${index}/at`, 'one'];
    const parts = (opType: string, input: string[], output: string) =>
      create(NodeProtoSchema, { opType, input, output: [output] });
    nodes.splice(
      nodes.indexOf(taken),
      1,
      parts('Unsqueeze', [index, index], at),
      parts('Gather', [predictions, at], one),
      parts('Squeeze', [one, at], taken.output[0] ?? ''),
    );
  });
  expect(() => readDecoder(squeezed)).toThrow(
    /^layer 3: expected what attention reads to be made of one of the streams that the layer predicts/,
  );
});

test('what attention made may correct the streams of its own layer', () => {
  const corrected = changed((nodes, { layers }) => {
    const { stack, mixer } = layers[2]!;
    const [own] = readersOf(nodes, stack!.predictions, 'Add').slice(-1);
    const [made = ''] = own?.output ?? [];
    const sum = create(NodeProtoSchema, {
      opType: 'Add',
      input: [made, mixer.output],
      output: ['sum'],
    });
    for (const reader of nodes)
      if (reader.opType !== 'Shape') {
        reader.input = reader.input.map((name) => (name === made ? 'sum' : name));
      }
    nodes.push(sum);
  });
  const { layers, features } = readDecoder(corrected);
  expect(layers).toHaveLength(8);
  expect(features.map(({ layer }) => layer)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test('streams that are corrected by the predictions of an earlier layer', () => {
  const earlier = changed((nodes, { layers }) => {
    const [first, second] = layers.map(({ stack }) => stack?.predictions ?? '');
    reread(readersOf(nodes, second!, 'Add')[0], second!, first!);
  });
  expect(() => readDecoder(earlier)).toThrow(
    /^layer 2, features of each token: expected tokens along axis 1 .* found tokens along axis 2 of 4/,
  );
});

test('a layer that takes another stream than the one that was predicted', () => {
  const stale = changed((nodes, { layers }) => {
    const [first, second] = layers.map(({ stack }) => stack?.predictions ?? '');
    const taken = nodes.find(({ output }) => output[0] === layers[1]?.stack?.active);
    reread(taken, second!, first!);
  });
  expect(() => readDecoder(stale)).toThrow(/^after layer \d: expected streams that are made of/);
});

test('streams that are mixed along the tokens', () => {
  const mixed = changed((nodes, { layers }) => {
    const gate = nodes.find(({ output }) => output[0] === layers[2]?.stack?.active);
    // The predictions as they lie before they are put in order: [batch, tokens, hidden, streams].
    const order = nodes.find(
      ({ opType, attribute }) =>
        opType === 'Transpose' &&
        attribute.some(({ ints }) => ints.map(Number).join() === '3,0,1,2'),
    );
    for (const { ints } of order?.attribute ?? []) ints.splice(0, 4, 3n, 1n, 0n, 2n);
    expect(gate).toBeDefined();
  });
  expect(() => readDecoder(mixed)).toThrow(
    /^layer 1: expected each token's numbers to stay its own/,
  );
});
