/** Caches of latents: what is read of them, and expansions that would mix tokens. */
import { readFileSync } from 'node:fs';
import { clone } from '@bufbuild/protobuf';
import { exportedDecoder } from '@transprune/fixtures';
import { describe, expect, test } from 'vitest';
import { createEmitter } from '../../graph/emitter.js';
import { namesIn } from '../../graph/graph.js';
import { decodeModel } from '../../model/codec.js';
import { type GraphProto, ModelProtoSchema, type NodeProto } from '../../proto/onnx_pb.js';
import { readDecoder } from '../read.js';

const original = (architecture: 'minicpm3' | 'deepseek-v3', name: string) =>
  decodeModel(readFileSync(exportedDecoder(architecture, name).path));
const spelledOut = original('deepseek-v3', 'dynamo-18');

test.each([
  ['deepseek-v3', 'dynamo-18', 'spelled-out', 32],
  ['deepseek-v3', 'dynamo-23', 'standard-attention', 32],
  // Queries come from a latent of their own.
  ['minicpm3', 'dynamo-18', 'spelled-out', 20],
  ['minicpm3', 'torchscript-17', 'spelled-out', 20],
] as const)('%s/%s', (architecture, name, family, queryFeatures) => {
  for (const { attention } of readDecoder(original(architecture, name)).layers) {
    const { reading, input, projections } = attention!;
    expect(reading.family.name).toBe(family);
    expect(reading.shape).toMatchObject({ heads: 4, kvHeads: 4, headDim: 20, valueDim: 16 });
    expect(reading.latent).toMatchObject({ rank: 24, rotated: 8 });
    const { queries } = reading.latent!;
    expect(queries.inFeatures).toBe(queryFeatures);
    // One for queries and one for the latent, both of the norm.
    expect(projections).toHaveLength(2);
    expect(projections.includes(queries.output)).toBe(queries.input === input);
  }
});

test.each(['torchscript-17-full-cache', 'dynamo-18-full-cache'])(
  '%s: keys and values of two sizes in the cache',
  (name) => {
    const [first] = readDecoder(original('deepseek-v3', name)).layers;
    const { reading, projections } = first!.attention!;
    expect(reading.latent).toBeUndefined();
    expect(reading.shape).toMatchObject({ heads: 4, kvHeads: 4, headDim: 20, valueDim: 16 });
    expect(projections).toHaveLength(2);
  },
);

describe('an expansion that does not leave tokens apart', () => {
  /** The decoder with nodes between the first layer's latents and what reads them. */
  const between = (make: (emitter: ReturnType<typeof createEmitter>, x: string) => string) =>
    changed((graph) => {
      const emitter = createEmitter(namesIn(graph), 18, { prefix: 'between' });
      const [reader] = graph.node.filter(
        ({ opType, input }) => opType === 'MatMul' && input[0] === 'present.0.key',
      );
      const made = make(emitter, 'present.0.key');
      graph.node.splice(graph.node.indexOf(reader!), 0, ...emitter.nodes);
      graph.initializer.push(...emitter.initializers);
      reader!.input[0] = made;
    });

  test('a sum over what came before', () => {
    const summed = between(({ emit, int64 }, x) => emit('CumSum', [x, int64([2], [])]));
    expect(() => readDecoder(summed)).toThrow(
      /^layer 1: expected present\.0\.key to come from a known attention family/,
    );
  });

  test('tokens and features exchanged', () => {
    const turned = between(({ emit, int64 }, x) =>
      emit('Reshape', [
        emit('Transpose', [x], { attributes: { perm: [0, 1, 3, 2] } }),
        int64([0, 1, -1, 24]),
      ]),
    );
    expect(() => readDecoder(turned)).toThrow(/^layer 1: expected each token's numbers/);
  });

  test('one of the tokens for all', () => {
    const first = between(({ emit, int64 }, x) => {
      const one = emit('Slice', [x, int64([0]), int64([1]), int64([2])]);
      return emit('Add', [x, one]);
    });
    expect(() => readDecoder(first)).toThrow(
      /^layer 1: expected each token's numbers to stay its own, found Slice along the tokens/,
    );
  });

  test('parts of keys written along the tokens', () => {
    const scattered = changed((graph) => {
      const [scatter] = graph.node.filter(({ opType }) => opType === 'ScatterND');
      const turn = (name: string) => {
        const node = graph.node.find(({ output }) => output[0] === name) as NodeProto;
        const perm = node.attribute.find((own) => own.name === 'perm');
        perm!.ints = [2n, 1n, 0n, 3n];
      };
      turn(scatter!.input[0]!);
      turn(scatter!.input[2]!);
    });
    expect(() => readDecoder(scattered)).toThrow(/^layer 1: .*found ScatterND along the tokens/);
  });

  test('parts of keys written to places over every axis, tokens from the second place on', () => {
    const shifted = clone(ModelProtoSchema, original('minicpm3', 'torchscript-17'));
    const { node, initializer } = shifted.graph!;
    const producer = new Map(node.flatMap((own) => own.output.map((name) => [name, own] as const)));
    const [scatter] = node.filter(({ opType }) => opType === 'ScatterND');
    // Columns of indices: places are read off the shape, counted, set along an axis, expanded, put side by side.
    const column = producer.get(producer.get(scatter!.input[1]!)!.input[2]!)!;
    const reshape = producer.get(producer.get(column.input[0]!)!.input[0]!)!;
    const range = producer.get(reshape.input[0]!)!;
    expect(range.opType).toBe('Range');
    const emitter = createEmitter(namesIn(shifted.graph!), 17, { prefix: 'shifted' });
    range.input[0] = emitter.int64([1], []);
    initializer.push(...emitter.initializers);
    expect(() => readDecoder(shifted)).toThrow(
      /^layer 1: .*found ScatterND to places that need not be those of the same tokens/,
    );
  });

  test('new latents before those of the cache', () => {
    const exchanged = changed((graph) => {
      const join = graph.node.find(({ output }) => output[0] === 'present.0.key');
      join!.input.reverse();
    });
    expect(() => readDecoder(exchanged)).toThrow(
      /^layer 1: expected present\.0\.key to come from a known attention family/,
    );
  });

  function changed(change: (graph: GraphProto) => void) {
    const model = clone(ModelProtoSchema, spelledOut);
    change(model.graph!);
    return model;
  }
});
